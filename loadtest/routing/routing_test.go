package routing

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/serve"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// world is the services of all scripts, each with an instance of these versions.
var world = map[mesh.ServiceName][]string{"reviews": {"v1", "v2", "v3"}, "ratings": {"v1", "v2"}, "details": {"v1"}, "other": {"v1"}}

func TestScripts(t *testing.T) {
	scripts := readScripts(t)
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		s := scripts[name]
		for protocol, transport := range map[string]func(*sidecar) http.RoundTripper{"http1": (*sidecar).http1, "h2": (*sidecar).http2} {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				p := startSidecar(t, s.caller, s.manifest, nil)
				rt := transport(p)
				for i := range s.cases {
					p.run(t, rt, &s.cases[i])
				}
			})
		}
	}
}

// got is what an instance was sent.
type got struct {
	service, version, method, target string
	header                           http.Header
	body                             string
}

// sidecar is the outbound side of one, and all instances of the world.
type sidecar struct {
	addr string
	out  *serve.Outbound
	end  []func()

	mu      sync.Mutex // guards what follows
	seen    []got
	records []emit.Record
}

// snapshots is what a manifest comes to, with a trip over the wire.
func snapshots(t testing.TB, manifest string, instances []mesh.Instance) []mesh.Snapshot {
	t.Helper()
	objects, err := config.Parse([]byte(manifest))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	for _, f := range config.Validate(objects, config.NewWorld(instances)) {
		if f.Severity == config.SeverityError {
			t.Errorf("finding: %s", config.Line(f))
		}
	}
	var out []mesh.Snapshot
	all := compile.Snapshots(objects, instances, nil, 7)
	for _, s := range compile.Closure(all, slices.Sorted(maps.Keys(world))) {
		raw, err := proto.Marshal(wire.FromSnapshot(s))
		if err != nil {
			t.Fatal(err)
		}
		var m wire.Snapshot
		if err := proto.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		decoded, err := wire.ToSnapshot(&m)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, decoded)
	}
	return out
}

// startSidecar starts the world and a sidecar that was pushed the manifest. Chance may
// be nil.
func startSidecar(t testing.TB, caller route.Caller, manifest string, chance func() float64) *sidecar {
	t.Helper()
	p := &sidecar{}
	var instances []mesh.Instance
	for service, versions := range world {
		for _, v := range versions {
			instances = append(instances, mesh.Instance{
				ID: mesh.InstanceID(string(service) + "-" + v), Service: service, Version: mesh.Version(v),
				Address: p.instance(t, string(service), v), Labels: map[string]string{"version": v}, State: mesh.Ready,
			})
		}
	}
	snaps := snapshots(t, manifest, instances)
	table, err := caller.Compile(snaps)
	if err != nil {
		t.Fatal(err)
	}
	set := upstream.New(upstream.Deps{})
	set.Update(snaps)
	p.out = serve.NewOutbound(serve.OutboundConfig{}, serve.OutboundDeps{
		Resolve: func(context.Context, mesh.ServiceName, time.Time) (*route.Table, error) { return table, nil },
		Pick:    set.Pick,
		Dial: func(ctx context.Context, to *upstream.Instance, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", to.Info.Address.String())
		},
		Budget: retry.NewBudget(time.Now), Sink: p, Chance: chance, Logger: slog.New(slog.DiscardHandler),
	})
	l := listen(t)
	p.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.out.Serve(ctx, l) }()
	t.Cleanup(func() {
		for _, end := range p.end {
			end()
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		p.out.Close()
	})
	return p
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Open implements emit.Sink.
func (*sidecar) Open(*emit.Record) {}

// Emit implements emit.Sink.
func (p *sidecar) Emit(r *emit.Record) {
	c := *r
	c.Path, c.Authority, c.Route = strings.Clone(r.Path), strings.Clone(r.Authority), strings.Clone(r.Route)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, c)
}

// instance starts an app that notes what it gets, for both protocols.
func (p *sidecar) instance(t testing.TB, service, version string) netip.AddrPort {
	t.Helper()
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		header := r.Header.Clone()
		header.Set("Host", r.Host)
		p.mu.Lock()
		p.seen = append(p.seen, got{service, version, r.Method, r.RequestURI, header, string(body)})
		p.mu.Unlock()
		w.Header().Set("X-From", service+" "+version)
		w.Header().Set("Access-Control-Allow-Origin", "app")
		if status, err := strconv.Atoi(r.Header.Get("X-Answer")); err == nil {
			w.WriteHeader(status)
		}
	})}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	l := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }() //nolint:errcheck // it ends by Close
	t.Cleanup(func() { s.Close(); <-done })
	return netip.MustParseAddrPort(l.Addr().String())
}

func (p *sidecar) http1() http.RoundTripper { return p.transport(false) }

func (p *sidecar) http2() http.RoundTripper { return p.transport(true) }

func (p *sidecar) transport(h2 bool) http.RoundTripper {
	tr := &http.Transport{
		Protocols: new(http.Protocols), DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", p.addr)
		},
	}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetUnencryptedHTTP2(h2)
	p.end = append(p.end, tr.CloseIdleConnections)
	return tr
}

// take returns what was noted so far, once there are as many records as wanted.
func (p *sidecar) take(t testing.TB, records int) ([]got, []emit.Record) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		p.mu.Lock()
		if len(p.records) >= records || time.Now().After(deadline) {
			seen, recs := p.seen, p.records
			p.seen, p.records = nil, nil
			p.mu.Unlock()
			if len(recs) != records {
				t.Fatalf("%d records, want %d", len(recs), records)
			}
			return seen, recs
		}
		p.mu.Unlock()
		<-time.After(time.Millisecond)
	}
}

func newRequest(ctx context.Context, c *testCase) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, c.method, "http://sidecar/", strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	authority, path, _ := strings.Cut(strings.TrimPrefix(c.url, "http://"), "/")
	path, query, ok := strings.Cut("/"+path, "?")
	r.Host, r.URL = authority, &url.URL{Scheme: "http", Host: authority, Opaque: path, RawQuery: query, ForceQuery: ok && query == ""}
	for _, line := range c.header {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	return r, nil
}

// run sends a case's request and holds what became of it against the script.
func (p *sidecar) run(t *testing.T, rt http.RoundTripper, c *testCase) {
	t.Helper()
	r, err := newRequest(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := rt.RoundTrip(r)
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	seen, records := p.take(t, 1)
	checkUpstream(t, c, seen)
	for i, want := range c.response {
		if i == 0 && !strings.Contains(want, ":") {
			if strconv.Itoa(res.StatusCode) != want {
				t.Errorf("%v: status %d, want %s (%s)", c, res.StatusCode, want, body)
			}
			continue
		}
		if complaint := holds(res.Header, want); complaint != "" {
			t.Errorf("%v: the answer %s", c, complaint)
		}
	}
	if c.answerBody != nil && strings.TrimSpace(string(body)) != *c.answerBody {
		t.Errorf("%v: answered %q, want %q", c, body, *c.answerBody)
	}
	if rec := records[0]; c.route != "" && (rec.Route != c.route || rec.Flags != c.flags) {
		t.Errorf("%v: record of route %q with flags %q, want %q with %q (%s)", c, rec.Route, rec.Flags, c.route, c.flags, rec.Reason)
	}
}

func checkUpstream(t *testing.T, c *testCase, seen []got) {
	t.Helper()
	if len(c.upstream) == 0 {
		if len(seen) > 0 {
			t.Errorf("%v: was sent on to %s %s", c, seen[0].service, seen[0].version)
		}
		return
	}
	if len(seen) != 1 {
		t.Errorf("%v: reached %d instances, want 1", c, len(seen))
		return
	}
	g := seen[0]
	version := g.version
	if strings.Contains(c.upstream[0], " * ") {
		version = "*"
	}
	if line := fmt.Sprintf("%s %s %s %s", g.service, version, g.method, g.target); line != c.upstream[0] {
		t.Errorf("%v: went on as %q, want %q", c, line, c.upstream[0])
	}
	for _, want := range c.upstream[1:] {
		if complaint := holds(g.header, want); complaint != "" {
			t.Errorf("%v: the request %s", c, complaint)
		}
	}
	if c.gotBody != nil && g.body != *c.gotBody {
		t.Errorf("%v: body %q, want %q", c, g.body, *c.gotBody)
	}
}

// holds is what is wrong with a header by a line of a script.
func holds(h http.Header, want string) string {
	if name, absent := strings.CutPrefix(want, "!"); absent {
		if v := h.Values(name); len(v) > 0 {
			return fmt.Sprintf("has %s: %q, want none", name, v)
		}
		return ""
	}
	name, value, _ := strings.Cut(want, ":")
	if v := strings.Join(h.Values(name), "|"); v != strings.TrimSpace(value) || len(h.Values(name)) == 0 {
		return fmt.Sprintf("has %s: %q, want %q", name, v, strings.TrimSpace(value))
	}
	return ""
}
