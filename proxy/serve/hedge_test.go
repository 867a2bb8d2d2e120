package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// leg is what a try comes to, and after how long.
type leg struct {
	takes  time.Duration
	status int // 0 breaks off
	grpc   int
}

func (l leg) end() (answer, error) {
	if l.status == 0 {
		return answer{grpc: -1}, &broken{end: retry.Reset, cause: errors.New("broken")}
	}
	return answer{status: l.status, grpc: l.grpc - 1}, nil
}

// racer is a codec whose tries come to what legs say, one after the other.
type racer struct {
	tries
	legs    []leg
	next    int
	adopted bool
	dropped int
	bodied  bool // the body has not wholly come, or is not held
}

func (r *racer) leg() leg {
	r.next++
	return r.legs[r.next-1]
}

func (r *racer) send(x *exchange, _ *link) (answer, error) {
	mine := r.leg()
	result := time.NewTimer(mine.takes)
	defer result.Stop()
	lost := make(chan struct{})
	if at := x.race.due(x.until()); !at.IsZero() {
		select {
		case <-result.C:
			return mine.end()
		case <-time.After(time.Until(at)):
			x.race.begin(x, func() { close(lost) })
		}
	}
	select {
	case <-result.C:
	case <-lost:
	case <-x.ctx.Done():
		return answer{grpc: -1}, errClientGone
	}
	if x.race.settle() {
		return answer{grpc: -1}, errOvertaken
	}
	return mine.end()
}

func (r *racer) copy(*exchange, address) letter {
	if r.bodied {
		return nil
	}
	return &racerLetter{r, r.leg()}
}

func (r *racer) adopt(*exchange, beginning) error {
	r.adopted = true
	return nil
}

type racerLetter struct {
	of  *racer
	leg leg
}

func (*racerLetter) post(context.Context, *link) (answer, error) { panic("a mirror") }

func (l *racerLetter) begin(ctx context.Context, _ *link) (beginning, answer, error) {
	t := time.NewTimer(l.leg.takes)
	defer t.Stop()
	select {
	case <-t.C:
		a, err := l.leg.end()
		if err != nil {
			return nil, a, err
		}
		return l, a, nil
	case <-ctx.Done():
		return nil, answer{grpc: -1}, ctx.Err()
	}
}

func (l *racerLetter) drop() { l.of.dropped++ }

// running is a service with instances that nobody dials.
func running(t *testing.T, n int, h *mesh.Hedge) (*upstream.Set, *route.Table) {
	t.Helper()
	snap := mesh.Snapshot{Service: "reviews", Known: true, Hedge: h}
	for i := range n {
		snap.Instances = append(snap.Instances, mesh.Instance{
			ID: mesh.InstanceID(fmt.Sprintf("reviews-%d", i+1)), Service: "reviews", State: mesh.Ready, Address: netip.MustParseAddrPort("127.0.0.1:1"),
		})
	}
	table, err := route.Compile([]mesh.Snapshot{snap})
	if err != nil {
		t.Fatal(err)
	}
	set := upstream.New(upstream.Deps{})
	set.Update([]mesh.Snapshot{snap})
	return set, table
}

// TestHedges: exactly which tries there are, when, and which of them gives the answer.
func TestHedges(t *testing.T) {
	const ms = time.Millisecond
	after := &mesh.Hedge{After: 50 * ms, GRPC: []string{"shop.Catalog/Get*"}}
	none := func(*exchange) {}
	for _, tt := range []struct {
		name      string
		hedge     *mesh.Hedge
		instances int
		budget    int
		change    func(x *exchange)
		bodied    bool
		legs      []leg
		status    int
		took      time.Duration
		tries     string // instance-less: start, status and reason of each
		choice    string
		sent      uint64
		withheld  uint64
	}{
		{"no policy", nil, 2, 9, none, false, []leg{{200 * ms, 200, 0}}, 200, 200 * ms, "0s 200", "", 0, 0},
		{"in time", after, 2, 9, none, false, []leg{{49 * ms, 200, 0}}, 200, 49 * ms, "0s 200", "", 0, 0},
		{"the second wins", after, 2, 9, none, false, []leg{{time.Hour, 200, 0}, {10 * ms, 201, 0}}, 201, 60 * ms, "0s 0 lost to a hedge|50ms 201", "hedge after 50ms", 1, 0},
		{"the first wins", after, 2, 9, none, false, []leg{{60 * ms, 200, 0}, {time.Hour, 201, 0}}, 200, 60 * ms, "0s 200|50ms 0 hedge lost", "", 1, 0},
		{"a first that is bad does not win", after, 2, 9, none, false, []leg{{60 * ms, 503, 0}, {40 * ms, 200, 0}}, 200, 90 * ms, "0s 503|50ms 200", "hedge after 50ms", 1, 0},
		{"a first that breaks off does not win", after, 2, 9, none, false, []leg{{60 * ms, 0, 0}, {40 * ms, 200, 0}}, 200, 90 * ms, "0s 0 broken|50ms 200", "hedge after 50ms", 1, 0},
		{"a second that is bad does not win", after, 2, 9, none, false, []leg{{100 * ms, 200, 0}, {10 * ms, 503, 0}}, 200, 100 * ms, "0s 200|50ms 503 hedge lost", "", 1, 0},
		{"a second that breaks off does not win", after, 2, 9, none, false, []leg{{100 * ms, 200, 0}, {10 * ms, 0, 0}}, 200, 100 * ms, "0s 200|50ms 0 hedge lost: broken", "", 1, 0},
		{"of two bad ones the first stands", after, 2, 9, none, false, []leg{{60 * ms, 500, 0}, {40 * ms, 503, 0}}, 500, 90 * ms, "0s 500|50ms 503 hedge lost", "", 1, 0},
		{"a first that is bad does not wait for ever", after, 2, 9, none, false, []leg{{60 * ms, 503, 0}, {time.Hour, 200, 0}}, 503, 110 * ms, "0s 503|50ms 0 hedge lost", "", 1, 0},
		{"nor where the delay follows a percentile", &mesh.Hedge{Percentile: 0.95, Min: ms, Max: 80 * ms}, 2, 9, none, false, []leg{{90 * ms, 503, 0}, {time.Hour, 200, 0}}, 503, 170 * ms, "0s 503|80ms 0 hedge lost", "", 1, 0},
		{"no budget", after, 2, 0, none, false, []leg{{100 * ms, 200, 0}, {}}, 200, 100 * ms, "0s 200", "", 0, 1},
		{"no other instance", after, 1, 9, none, false, []leg{{100 * ms, 200, 0}, {}}, 200, 100 * ms, "0s 200", "", 0, 1},
		{"a method that may do harm twice", after, 2, 9, func(x *exchange) { x.idempotent = false }, false, []leg{{100 * ms, 200, 0}}, 200, 100 * ms, "0s 200", "", 0, 0},
		{"a body that is not held", after, 2, 9, none, true, []leg{{100 * ms, 200, 0}}, 200, 100 * ms, "0s 200", "", 0, 1},
		{"after the time there is", after, 2, 9, func(x *exchange) { x.deadline = time.Now().Add(50 * ms) }, false, []leg{{50 * ms, 200, 0}}, 200, 50 * ms, "0s 200", "", 0, 0},
		{"a call of gRPC that is named", after, 2, 9, grpcCall("/shop.Catalog/GetItem"), false, []leg{{time.Hour, 200, 1}, {10 * ms, 200, 1}}, 200, 60 * ms, "0s 0 lost to a hedge|50ms 200", "hedge after 50ms", 1, 0},
		{"a call of gRPC that is not", after, 2, 9, grpcCall("/shop.Catalog/Put"), false, []leg{{100 * ms, 200, 1}}, 200, 100 * ms, "0s 200", "", 0, 0},
		{"UNAVAILABLE does not win", after, 2, 9, grpcCall("/shop.Catalog/Get"), false, []leg{{100 * ms, 200, 1}, {10 * ms, 200, 15}}, 200, 100 * ms, "0s 200|50ms 200 hedge lost", "", 1, 0},
		{"a percentile of nothing yet", &mesh.Hedge{Percentile: 0.95, Min: ms, Max: 80 * ms}, 2, 9, none, false, []leg{{time.Hour, 200, 0}, {10 * ms, 200, 0}}, 200, 90 * ms, "0s 0 lost to a hedge|80ms 200", "hedge after 80ms", 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			set, table := running(t, tt.instances, tt.hedge)
			o := NewOutbound(OutboundConfig{}, OutboundDeps{Pick: set.Pick, Budget: &allowance{tt.budget}})
			defer o.Close()
			codec := &racer{legs: tt.legs, bodied: tt.bodied}
			x := &exchange{ctx: t.Context(), via: codec}
			x.reset()
			x.route, _ = table.Match("reviews", &x.ask)
			x.idempotent = true
			tt.change(x)
			start := time.Now()
			err := o.hedge(o.pick(o.forward))(x)
			if got := time.Since(start); err != nil || x.answer.status != tt.status || got != tt.took || x.rec.Choice != tt.choice {
				t.Errorf("%s: %v, %d after %v, choice %q; want %d after %v, %q", tt.name, err, x.answer.status, got, x.rec.Choice, tt.status, tt.took, tt.choice)
			}
			if got := triesOf(x.rec.Tries); got != tt.tries {
				t.Errorf("%s: tries %q, want %q", tt.name, got, tt.tries)
			}
			if n := len(x.rec.Tries); n == 2 && x.rec.Tries[0].Instance == x.rec.Tries[1].Instance {
				t.Errorf("%s: both tries went to %s", tt.name, x.rec.Tries[0].Instance)
			}
			won := uint64(0)
			if strings.HasPrefix(tt.choice, "hedge") {
				won = 1
			}
			if s, w, h := o.Hedged(); s != tt.sent || w != won || h != tt.withheld || codec.adopted != (won == 1) {
				t.Errorf("%s: counted %d, %d, %d", tt.name, s, w, h)
			}
			x.settle(upstream.Success, 0)
			for _, i := range set.State().Instances {
				if i.InFlight != 0 {
					t.Errorf("%s: %s has %d in flight", tt.name, i.Instance, i.InFlight)
				}
			}
		})
	}
}

func grpcCall(path string) func(x *exchange) {
	return func(x *exchange) {
		x.idempotent, x.rec.Protocol, x.ask.Path = false, "grpc", path
	}
}

func triesOf(all []emit.Try) string {
	var out []string
	for _, t := range all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%v %d %s", t.Start, t.Status, t.Reason)))
	}
	return strings.Join(out, "|")
}

// What is given up for a hedge says nothing against its instance.
func TestLosersAreNoFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, table := running(t, 2, &mesh.Hedge{After: time.Millisecond})
		o := NewOutbound(OutboundConfig{}, OutboundDeps{Pick: set.Pick, Budget: &allowance{1000}})
		defer o.Close()
		for n := range 200 {
			legs := []leg{{time.Hour, 200, 0}, {time.Millisecond, 200, 0}}
			if n%2 == 0 {
				legs = []leg{{2 * time.Millisecond, 200, 0}, {time.Hour, 200, 0}}
			}
			x := &exchange{ctx: t.Context(), via: &racer{legs: legs}}
			x.reset()
			x.route, _ = table.Match("reviews", &x.ask)
			x.idempotent = true
			if err := o.hedge(o.pick(o.forward))(x); err != nil {
				t.Fatal(err)
			}
			x.settle(upstream.Success, time.Since(x.sent))
		}
		for _, i := range set.State().Instances {
			if i.Breaker != "admitting" || i.InFlight != 0 {
				t.Errorf("%s is %s with %d in flight", i.Instance, i.Breaker, i.InFlight)
			}
		}
	})
}

func TestClientThatGoesEndsBothTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, table := running(t, 2, &mesh.Hedge{After: 50 * time.Millisecond})
		o := NewOutbound(OutboundConfig{}, OutboundDeps{Pick: set.Pick, Budget: &allowance{1000}})
		defer o.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Millisecond)
		defer cancel()
		x := &exchange{ctx: ctx, via: &racer{legs: []leg{{time.Hour, 200, 0}, {time.Hour, 200, 0}}}}
		x.reset()
		x.route, _ = table.Match("reviews", &x.ask)
		x.idempotent = true
		start := time.Now()
		if err := o.hedge(o.pick(o.forward))(x); !errors.Is(err, errClientGone) || time.Since(start) != 80*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A client that goes just when its hedge has a good answer takes none: nothing was won.
func TestClientThatGoesTakesNoHedge(t *testing.T) {
	set, table := running(t, 2, &mesh.Hedge{After: time.Millisecond})
	o := NewOutbound(OutboundConfig{}, OutboundDeps{Pick: set.Pick, Budget: &allowance{1000}})
	defer o.Close()
	codec := &racer{}
	x := &exchange{ctx: t.Context(), via: codec}
	x.reset()
	x.route, _ = table.Match("reviews", &x.ask)
	lease, err := o.deps.Pick(x.route, &x.ask, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	close(done)
	s := &second{lease: lease, cancel: func() {}, done: done, reply: &racerLetter{of: codec}, answer: answer{status: 200, grpc: -1}}
	err = (&race{out: o, second: s}).end(x, errClientGone)
	if _, won, _ := o.Hedged(); !errors.Is(err, errClientGone) || won != 0 || codec.adopted || codec.dropped != 1 {
		t.Errorf("%v with %d won, adopted: %v, dropped: %d", err, won, codec.adopted, codec.dropped)
	}
	for _, i := range set.State().Instances {
		if i.InFlight != 0 {
			t.Errorf("%s has %d in flight", i.Instance, i.InFlight)
		}
	}
}

// Where a request may be idle for less than the time to a hedge, the head of its answer
// is seen when it comes.
func TestIdleTimeBelowTheHedges(t *testing.T) {
	seen := make(chan struct{})
	cfg := meshConfig{hedge: &mesh.Hedge{After: time.Minute}, intake: Intake{Idle: 10 * time.Second}}
	m := newMesh(t, cfg, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hints, _ := strconv.Atoi(r.URL.Path[1:])
		for range hints { // so many pieces of news before it
			<-time.After(50 * time.Millisecond) // the sidecar waits by then
			w.WriteHeader(http.StatusEarlyHints)
		}
		<-time.After(50 * time.Millisecond)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-seen: // the rest comes only then
		case <-r.Context().Done():
		}
	})})
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		for hints := range 3 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews/"+strconv.Itoa(hints), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s, after %d hints: %d, %s", res.Proto, hints, res.StatusCode, res.Header.Get("X-Sightline-Reason"))
			} else {
				seen <- struct{}{}
			}
			res.Body.Close()
		}
	}
}

// halting is an app that holds requests while it is told to, until they are given up.
type halting struct {
	halted      atomic.Bool
	held, ended atomic.Int32 // requests
}

func (h *halting) app(name string) app {
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if h.halted.Load() {
			h.held.Add(1)
			<-r.Context().Done()
			h.ended.Add(1)
			return
		}
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			defer w.Header().Set("Grpc-Status", "0")
		}
		_, _ = io.WriteString(w, name+string(body))
	})}
}

// Through real sidecars, in each protocol: whichever instance hangs, the other answers,
// bodies included; what was given up is cancelled down to the app; and the connections
// are good for what follows.
func TestHedgesThroughSidecars(t *testing.T) {
	var apps [2]halting
	m := newMesh(t, meshConfig{hedge: &mesh.Hedge{After: 5 * time.Millisecond, GRPC: []string{"a.B/C"}}}, apps[0].app("1"), apps[1].app("2"))
	n := 0
	ask := func(c *http.Client, method, path, body, contentType, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://reviews"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil || string(got) != want+body {
			t.Errorf("%s %s: %d %q (%v), want %q", method, path, res.StatusCode, got, err, want+body)
		}
		rec := m.records.await(t, n)
		n++
		if rec.Status != 200 || rec.Flags != "" || len(rec.Tries) == 2 && rec.Tries[0].Reason != errOvertaken.Error() && rec.Tries[1].Reason != errHedgeLost.Error() {
			t.Errorf("told as %+v", rec)
		}
		if !strings.HasSuffix(rec.Peer.Instance, "-"+want) {
			t.Errorf("answered by %s, told as %s", want, rec.Peer.Instance)
		}
	}
	for _, client := range []*http.Client{m.client(t), m.client2(t)} {
		for i := range apps {
			apps[i].halted.Store(true)
			want := string(rune('2' - i))
			for range 10 {
				ask(client, http.MethodGet, "/", "", "text/plain", want)
				ask(client, http.MethodPut, "/", strings.Repeat("x", 3000), "text/plain", want)
			}
			apps[i].halted.Store(false)
		}
	}
	apps[0].halted.Store(true)
	for range 10 {
		ask(m.client2(t), http.MethodPost, "/a.B/C", "\x00\x00\x00\x00\x00", "application/grpc", "2")
	}
	sent, won, _ := m.out.Hedged()
	if sent == 0 || won == 0 {
		t.Fatalf("%d hedges, %d won", sent, won)
	}
	// Each that came as far as its app was cancelled there, which the answer may outrun.
	for i := range apps {
		if apps[i].held.Load() == 0 {
			t.Errorf("app %d held no request", i+1)
		}
		eventually(t, func() string { return "the app is told of what was given up" }, func() bool { return apps[i].ended.Load() == apps[i].held.Load() })
	}
	for _, i := range m.set.State().Instances {
		if i.Breaker != "admitting" {
			t.Errorf("%s is %s", i.Instance, i.Breaker)
		}
	}
}

func TestKindsOfLosers(t *testing.T) {
	broke := &broken{end: retry.Reset, cause: errors.New("broken")}
	for i, tt := range []struct {
		s    second
		want upstream.Kind
	}{
		{second{answer: answer{status: 200, grpc: -1}}, upstream.Canceled},
		{second{err: &broken{end: retry.TimedOut, cause: context.Canceled}}, upstream.Canceled},
		{second{err: broke}, upstream.Failure},
		{second{answer: answer{status: 503, grpc: -1}}, upstream.Failure},
		{second{answer: answer{status: 503, grpc: -1, overloaded: true}}, upstream.Overloaded},
		{second{answer: answer{status: 429, grpc: -1}}, upstream.Success},
		{begun(t, plainLetter, refusing(t, fullQuota())), upstream.Overflow},
		{begun(t, plainLetter, refusing(t, &quota{})), upstream.Overflow},
		{begun(t, plainLetter, refusing(t, nil)), upstream.Failure},
		{begun(t, framedLetter, refusing(t, fullQuota())), upstream.Overflow},
		{begun(t, framedLetter, refusing(t, &quota{})), upstream.Overflow},
		{begun(t, framedLetter, refusing(t, nil)), upstream.Failure},
		{begun(t, plainLetter, ending(t, true, 1)), upstream.Canceled}, // as of a sidecar that restarts
		{begun(t, plainLetter, ending(t, true, 0)), upstream.Failure},
		{begun(t, plainLetter, ending(t, false, 1)), upstream.Failure},
	} {
		if got := tt.s.kind(); got != tt.want {
			t.Errorf("%d: %v (%v), want %v", i, got, tt.s.err, tt.want)
		}
	}
}

var (
	plainLetter  = &h1Letter{raw: []byte("GET / HTTP/1.1\r\nhost: reviews\r\n\r\n"), method: http.MethodGet}
	framedLetter = &h2Letter{head: http2.Head{Method: http.MethodGet, Scheme: "http", Authority: "reviews", Path: "/"}}
)

// begun is a second try that sends a letter over a link.
func begun(t *testing.T, l letter, to *link) (s second) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if s.reply, s.answer, s.err = l.begin(ctx, to); s.err == nil {
		t.Fatal("it was answered")
	}
	return s
}

// quota is one of which nothing is left. Who waits for it does so in vain, or may not.
type quota struct{ full error }

func (quota) Take(int) bool { return false }
func (quota) Give()         {}
func (q quota) Wait() error { return q.full }
func (quota) Served()       {}

// fullQuota is one for which nobody may wait either.
func fullQuota() *quota { return &quota{errors.New("too many wait")} }

// refusing is a link that nothing can be sent over, for want of quota or as nobody is
// there.
func refusing(t *testing.T, q *quota) *link {
	cfg := pool.Config{IdleTime: time.Second}
	if q != nil {
		cfg.Quota = q
	}
	l := newLink(cfg, time.Second, func(context.Context, string) (net.Conn, error) { return nil, errors.New("unreachable") })
	t.Cleanup(l.close)
	return l
}

// ending is a link to a server that answers some requests of a connection and then reads
// one more and ends it.
func ending(t *testing.T, polite bool, answers int) *link {
	t.Helper()
	l := newLink(pool.Config{IdleTime: time.Minute}, time.Second, func(context.Context, string) (net.Conn, error) {
		mine, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			in := bufio.NewReader(theirs)
			for range answers {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
			_, _ = http.ReadRequest(in)
		}()
		return mine, nil
	})
	t.Cleanup(l.close)
	l.polite = polite
	for range answers {
		if a, err := plainLetter.post(t.Context(), l); err != nil || a.status != 200 {
			t.Fatal(a.status, err)
		}
	}
	return l
}
