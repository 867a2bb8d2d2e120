package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/normalize"
	"github.com/sightline-mesh/sightline/proxy/ratelimit"
)

// single tries once: no retry hides or doubles the fault.
func single(timeout time.Duration) []mesh.Route {
	return everywhere(timeout, &mesh.Retry{Attempts: 0})
}

// patient bounds all requests but the one that is held.
func patient(timeout time.Duration) []mesh.Route {
	held, all := everywhere(0, nil)[0], single(timeout)[0]
	held.Name, held.Matches = "held", []mesh.Match{{Path: &mesh.StringMatch{Exact: "/hold"}}}
	return []mesh.Route{held, all}
}

func asksFor(host string) func(*testing.T, *http.Request) {
	return func(_ *testing.T, r *http.Request) { r.Host = host }
}

// becomes replaces the instances.
func becomes(s mesh.Snapshot) func(*testing.T, *testMesh) {
	s.Service, s.Known = "reviews", true
	return func(_ *testing.T, m *testMesh) {
		m.set.Update([]mesh.Snapshot{s})
	}
}

// unwell makes the instances what they were, with a verdict about them.
func unwell(_ *testing.T, m *testMesh) {
	s := m.snap
	s.Verdicts = []mesh.Verdict{{Target: mesh.Target{Service: "reviews"}, Phase: mesh.Tripped, Reason: "it failed"}}
	m.set.Update([]mesh.Snapshot{s})
}

// moved has the only instance listen elsewhere, on the routes that there are.
func moved(t *testing.T, m *testMesh, to net.Addr) {
	t.Helper()
	s := m.snap
	s.Instances = []mesh.Instance{{ID: "elsewhere", Service: "reviews", Identity: reviewsIdentity, Address: netip.MustParseAddrPort(to.String()), State: mesh.Ready}}
	m.set.Update([]mesh.Snapshot{s})
}

// hold keeps a request under way until the test ends, and returns once it is at the app.
func hold(t *testing.T, c *http.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := request(t, "GET", "/hold", nil)
	res, err := c.Do(r.WithContext(ctx))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); res.Body.Close() })
}

// waits has a request wait for a connection until the test ends, and returns when one more
// does not fit.
func waits(t *testing.T, m *testMesh, c *http.Client) {
	t.Helper()
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	for range 8 { // of which one finds a place to wait in
		r := request(t, "GET", "/", nil) // its context ends before what the test has to clean up
		all.Go(func() {
			if res, err := c.Do(r); err == nil {
				res.Body.Close()
			}
		})
	}
	m.records.await(t, 6) // the others were turned away
}

// outboundFlags are faults that the caller's sidecar finds.
func outboundFlags() []flagCase {
	proxy := func(flags string) told { return told{flags: flags, by: "proxy"} }
	return []flagCase{
		{name: "unknown service", change: asksFor("nobody"), status: 404, grpc: 12, shown: "NR", reason: "unknown service: nobody", out: proxy("NR")},
		{name: "name of no service", change: asksFor("10.0.0.7"), status: 404, grpc: 12, shown: "NR", reason: "no service name", out: proxy("NR")},
		{name: "no route", cfg: meshConfig{routes: []mesh.Route{{
			Name: "some", Matches: []mesh.Match{{Path: &mesh.StringMatch{Exact: "/elsewhere"}}}, Destinations: everywhere(0, nil)[0].Destinations,
		}}}, status: 404, grpc: 12, shown: "NR", reason: "no route", out: proxy("NR")},
		{name: "nobody to ask", arrange: func(_ *testing.T, m *testMesh) {
			m.untold = fmt.Errorf("%w: the control plane is away", ErrUntold)
		}, status: 503, grpc: 14, shown: "NC", reason: "the control plane is away", out: proxy("NC")},
		{name: "no instance", arrange: becomes(mesh.Snapshot{}), status: 503, grpc: 14, shown: "UH", reason: "no instance", out: proxy("UH")},
		{name: "verdict", arrange: unwell, status: 503, grpc: 14, shown: "UH", reason: "verdict", out: proxy("UH")},
		{
			name: "outlier", cfg: meshConfig{routes: single(0), policy: mesh.Policy{Outlier: &mesh.Outlier{
				ConsecutiveErrors: 1, Interval: time.Hour, BaseEjection: time.Hour, MaxEjectedPercent: 100,
			}}},
			app: app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })},
			arrange: func(t *testing.T, m *testMesh) {
				get(t, m.client(t), "http://reviews/", 500)
				m.records.await(t, 0)
			},
			status: 503, grpc: 14, shown: "UH", reason: "outlier", out: proxy("UH"),
		},
		{
			name: "sidecar that is gone", cfg: meshConfig{routes: everywhere(0, nil)}, arrange: func(_ *testing.T, m *testMesh) { m.sidecars[0].stop() },
			status: 503, grpc: 14, shown: "UF", reason: "connection refused", out: proxy("UF,URX"),
		},
		{
			name: "sidecar of another mesh", cfg: meshConfig{routes: single(0)},
			arrange: func(t *testing.T, m *testMesh) {
				moved(t, m, startSidecarOf(t, newAuthority(t)))
			},
			status: 503, grpc: 14, shown: "UF", reason: "certificate", out: proxy("UF"),
		},
		{
			name: "sidecar that shakes no hands", cfg: meshConfig{routes: single(0), policy: mesh.Policy{Limits: mesh.Limits{ConnectTimeout: 100 * time.Millisecond}}},
			arrange: func(t *testing.T, m *testMesh) { moved(t, m, loopbackUntilEnd(t)) },
			status:  503, grpc: 14, shown: "UF", reason: "connect: ", out: proxy("UF"),
		},
		{
			name: "route timeout while connecting", cfg: meshConfig{routes: single(time.Second)},
			arrange: func(t *testing.T, m *testMesh) { moved(t, m, loopbackUntilEnd(t)) },
			status:  504, grpc: 4, shown: "UT", reason: "route timeout after 1s, connecting", out: proxy("UT"),
		},
		{
			name: "time for a try is over while connecting", cfg: meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 1, On: []string{"connect-failure"}, PerTryTimeout: 500 * time.Millisecond})},
			arrange: func(t *testing.T, m *testMesh) { moved(t, m, loopbackUntilEnd(t)) },
			status:  503, grpc: 14, shown: "UF", reason: "connect: ", out: proxy("UF,URX"),
		},
		{
			name: "too many requests", cfg: meshConfig{policy: mesh.Policy{Limits: mesh.Limits{Requests: 1}}},
			arrange: func(t *testing.T, m *testMesh) { hold(t, m.client(t)) },
			status:  503, grpc: 14, shown: "UO", reason: "http2MaxRequests", out: proxy("UO"),
		},
		{
			name: "too many requests wait", only: "http1", cfg: meshConfig{policy: mesh.Policy{Limits: mesh.Limits{Connections: 1, Pending: 1}}},
			arrange: func(t *testing.T, m *testMesh) { c := m.client(t); hold(t, c); waits(t, m, c) },
			status:  503, shown: "UO", reason: "http1MaxPendingRequests", out: proxy("UO"),
		},
		{
			name: "too many requests wait for a stream", only: "h2 grpc", cfg: meshConfig{policy: mesh.Policy{Limits: mesh.Limits{Connections: 1, Pending: 1, Streams: 1}}},
			arrange: func(t *testing.T, m *testMesh) { c := m.client2(t); hold(t, c); waits(t, m, c) },
			status:  503, grpc: 14, shown: "UO", reason: "http1MaxPendingRequests", out: proxy("UO"),
		},
		{
			name: "route timeout in the queue", only: "http1", cfg: meshConfig{routes: patient(time.Second), policy: mesh.Policy{Limits: mesh.Limits{Connections: 1}}},
			arrange: func(t *testing.T, m *testMesh) { hold(t, m.client(t)) },
			status:  504, shown: "UT", reason: "route timeout after 1s, in the queue for a connection", out: proxy("UT"),
		},
		{
			name: "route timeout in the queue for a stream", only: "h2 grpc",
			cfg:     meshConfig{routes: patient(time.Second), policy: mesh.Policy{Limits: mesh.Limits{Connections: 1, Streams: 1}}},
			arrange: func(t *testing.T, m *testMesh) { hold(t, m.client2(t)) },
			status:  504, grpc: 4, shown: "UT", reason: "route timeout after 1s, in the queue for a connection", out: proxy("UT"),
		},
		{
			name: "injected failure", cfg: meshConfig{routes: []mesh.Route{{
				Name: "all", Destinations: everywhere(0, nil)[0].Destinations, Fault: &mesh.Fault{Abort: &mesh.Abort{Status: 418, Percent: 100}},
			}}}, status: 418, grpc: 2, shown: "FI", reason: "fault injected: abort with status 418", out: proxy("FI"),
		},
		{
			name: "injected delay", cfg: meshConfig{routes: []mesh.Route{{
				Name: "all", Destinations: everywhere(0, nil)[0].Destinations, Fault: &mesh.Fault{Delay: &mesh.Delay{Fixed: 20 * time.Millisecond, Percent: 100}},
			}}}, status: 200, reason: "", out: told{flags: "DI", by: "app"}, in: told{by: "app"},
		},
		{
			name: "injected delay and failure", cfg: meshConfig{routes: []mesh.Route{{
				Name: "all", Destinations: everywhere(0, nil)[0].Destinations,
				Fault: &mesh.Fault{Delay: &mesh.Delay{Fixed: 20 * time.Millisecond, Percent: 100}, Abort: &mesh.Abort{Status: 503, Percent: 100}},
			}}}, status: 503, grpc: 14, shown: "FI", reason: "fault injected", out: proxy("FI,DI"),
		},
		{name: "head that is too large", cfg: meshConfig{intake: Intake{MaxHead: 1000}}, change: func(_ *testing.T, r *http.Request) {
			r.Header.Set("X-Long", strings.Repeat("x", 2000))
		}, status: 431, grpc: 14, shown: "DPE", reason: "larger than 1000 bytes", out: proxy("DPE")},
		{name: "path with NUL", change: func(_ *testing.T, r *http.Request) {
			r.URL.Opaque = "/a%00"
		}, cfg: meshConfig{intake: Intake{Paths: normalize.DecodeAndMergeSlashes}}, status: 400, grpc: 13, shown: "DPE", reason: "NUL", out: proxy("DPE")},
	}
}

// inboundFlags are faults that the app's sidecar finds.
func inboundFlags() []flagCase {
	by := func(flags string) told { return told{flags: flags, by: "proxy"} }
	guard := func(g func(t *testing.T) *Guard) func(*testing.T, *testMesh) {
		return func(t *testing.T, m *testMesh) { m.sidecars[0].guard.Store(g(t)) }
	}
	peer := told{by: "peer"}
	return []flagCase{
		{
			name: "rate limit", arrange: guard(func(t *testing.T) *Guard {
				l := ratelimit.New(ratelimit.Config{Requests: 1, Unit: time.Hour})
				l.Take()
				return &Guard{Rates: []Rate{{Name: "default/a rule 0", Match: matcher(t, mesh.AuthorizationRule{}), Limiter: l}}}
			}), status: 429, grpc: 8, shown: "RL", reason: "rate limit default/a rule 0", in: by("RL"), out: peer,
		},
		{
			name: "denied", arrange: guard(func(t *testing.T) *Guard { return guardWith(t, deny(mesh.AuthorizationRule{})) }),
			status: 403, grpc: 7, shown: "UAEX", reason: "RBAC: access denied by policy default/d rule 0", in: by("UAEX"), out: peer,
		},
		{
			name: "bad token", arrange: guard(func(t *testing.T) *Guard {
				return &Guard{Tokens: tokensOf(t, "i")}
			}), change: func(_ *testing.T, r *http.Request) { r.Header.Set("Authorization", "Bearer a.b.c") },
			status: 401, grpc: 16, shown: "UAEX", in: by("UAEX"), out: peer,
		},
		{
			name: "nothing is known yet", arrange: guard(func(*testing.T) *Guard { return nil }),
			status: 503, grpc: 14, shown: "UAEX", reason: "no control plane has said yet", in: by("UAEX"), out: peer,
		},
		{
			name: "too many in flight", arrange: guard(func(*testing.T) *Guard {
				return &Guard{InFlight: &InFlight{Name: "default/f", Bounds: inflight.Bounds{All: inflight.Fixed(0)}}}
			}), status: 503, grpc: 14, shown: "UO", reason: "limit of requests in flight reached: default/f", in: by("UO"), out: peer,
		},
		{
			name: "app that is down", cfg: meshConfig{routes: single(0)}, app: app{listen: func(l net.Listener) { l.Close() }},
			status: 503, grpc: 14, shown: "UF", reason: "connect: ", in: by("UF"), out: peer,
		},
		{
			name: "app that stays down", app: app{listen: func(l net.Listener) { l.Close() }},
			status: 503, grpc: 14, shown: "UF", reason: "connect: ", in: by("UF"), out: told{flags: "URX", by: "peer"},
		},
	}
}

// startSidecarOf starts a sidecar of a mesh and returns where.
func startSidecarOf(t *testing.T, a *authority) net.Addr {
	t.Helper()
	return net.TCPAddrFromAddrPort(startSidecar(t, a, InboundConfig{Apps: []App{{Address: "127.0.0.1:1"}}}).addr)
}

// loopbackUntilEnd listens and accepts nothing.
func loopbackUntilEnd(t *testing.T) net.Addr {
	t.Helper()
	l := loopback(t)
	t.Cleanup(func() { l.Close() })
	return l.Addr()
}
