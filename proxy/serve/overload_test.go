package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/proxy/gradient"
	"github.com/sightline-mesh/sightline/proxy/inflight"
)

// shop is an app that serves so many at once, each in the time for one, and has all
// others wait in line. What it does for a request whose caller has given up is lost.
type shop struct {
	tills   chan struct{}
	service time.Duration
}

func (s *shop) serve() {
	s.tills <- struct{}{}
	time.Sleep(s.service)
	<-s.tills
}

// served is what became of a load.
type served struct {
	good, late, refused int
	longest             time.Duration // of the good ones, the 99th percentile
}

// offer sends requests through the layers of limits, at a steady rate, for so long.
// Whoever waits longer than a second for an answer has no use for it.
func offer(t *testing.T, g *Guard, s *shop, every, during time.Duration) (out served) {
	t.Helper()
	const useless = time.Second
	in := NewInbound(InboundConfig{}, InboundDeps{})
	seat, _ := in.callers.Join("web", 0)
	handle := in.admit(in.begin(once(func(x *exchange) error {
		s.serve()
		x.answer = answer{status: 200, grpc: -1}
		return nil
	})))
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(every) {
		all.Go(func() {
			x := &exchange{ctx: t.Context(), via: tries{}, seat: seat}
			x.reset()
			x.guard = g
			start := time.Now()
			err := handle(x)
			mu.Lock()
			defer mu.Unlock()
			switch d := time.Since(start); {
			case err != nil:
				out.refused++
			case d > useless:
				out.late++
			default:
				out.good++
				took = append(took, d)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	if len(took) > 0 {
		out.longest = took[len(took)*99/100]
	}
	if l := in.Load(); l.InFlight != 0 || l.Working != 0 {
		t.Errorf("%+v at the end", l)
	}
	return out
}

// An app that serves 10 at once in 10 ms each, 1,000 a second, is offered twice that for
// 8 s. Without a limit all wait in line until nobody wants the answer any more.
func TestAdaptiveLimitKeepsAnOverloadedAppUseful(t *testing.T) {
	const every, during, capacity = 500 * time.Microsecond, 8 * time.Second, 8_000
	synctest.Test(t, func(t *testing.T) {
		s := &shop{tills: make(chan struct{}, 10), service: 10 * time.Millisecond}
		without := offer(t, &Guard{}, s, every, during)
		control := gradient.New(gradient.Config{}, nil)
		with := offer(t, &Guard{Adaptive: &Adaptive{Name: "a", Control: control}}, s, every, during)
		t.Logf("without %+v, with %+v, %+v", without, with, control.State())
		if without.good > capacity/3 || without.late == 0 {
			t.Errorf("without a limit: %+v, which is no overload", without)
		}
		if with.good < capacity*9/10 || with.late != 0 || with.longest > 100*time.Millisecond {
			t.Errorf("with an adaptive limit: %+v of a capacity of %d", with, capacity)
		}
		if st := control.State(); st.MinRTT < 9*time.Millisecond || st.MinRTT > 11*time.Millisecond {
			t.Errorf("found out %+v", st)
		}
	})
}

// endless is a codec of a request that goes on after its answer has begun.
type endless struct {
	tries
	lasts bool
}

func (e endless) lasting() bool { return e.lasts }

// Streams take up no place for as long as they last, and are no latency.
func TestStreamsCountUntilTheyBegin(t *testing.T) {
	for _, tt := range []struct {
		name     string
		lasts    bool
		received bool
		status   int
		stream   bool
		working  int // in the middle of the answer
		observed bool
	}{
		{"a plain request", false, true, 200, false, 1, true},
		{"a call of gRPC", true, true, 200, false, 0, true},
		{"a call whose client goes on", true, false, 200, false, 0, false},
		{"a WebSocket", true, true, 101, false, 0, false},
		{"a stream of bytes", true, true, 0, true, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := NewInbound(InboundConfig{}, InboundDeps{})
			control := gradient.New(gradient.Config{Least: gradient.LeastLatency{Requests: 1}}, nil)
			seat, _ := in.callers.Join("web", 0)
			x := &exchange{ctx: t.Context(), via: endless{lasts: tt.lasts}, seat: seat}
			x.reset()
			x.guard, x.stream = &Guard{Adaptive: &Adaptive{Control: control}}, tt.stream
			begin := in.begin(once(func(x *exchange) error {
				time.Sleep(5 * time.Millisecond)
				x.answer.status, x.received = tt.status, tt.received
				return nil
			}))
			err := in.admit(func(x *exchange) error {
				if err := begin(x); err != nil {
					return err
				}
				if got := in.Load().Working; got != tt.working {
					t.Errorf("%s: %d in the middle of the answer, want %d", tt.name, got, tt.working)
				}
				time.Sleep(time.Hour)
				return nil
			})(x)
			if err != nil || in.Load().Working != 0 {
				t.Errorf("%s: %v, %+v", tt.name, err, in.Load())
			}
			st := control.State()
			if (st.Measured == 1) != tt.observed || tt.lasts && tt.observed && st.MinRTT > 6*time.Millisecond {
				t.Errorf("%s: %+v, want it observed: %v", tt.name, st, tt.observed)
			}
		})
	}
}

// Who waits for room does so within the time of its request, and as long as its client is
// there; that this ends is no overload.
func TestWaitingForRoomEnds(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name           string
		timeout, leave time.Duration // 0 is never
		after          time.Duration
		status         int
		flags          string
		refused        uint64
	}{
		{"patience", 0, 0, time.Second, 503, "UO", 1},
		{"the request's time", 300 * ms, 0, 300 * ms, 504, "UT", 0},
		{"the client goes", 0, 200 * ms, 200 * ms, 0, "DC", 0},
	} {
		for name, guard := range map[string]func() *Guard{
			"fixed": func() *Guard {
				return &Guard{InFlight: &InFlight{Bounds: inflight.Bounds{All: inflight.Fixed(3)}, Name: "f"}}
			},
			"adaptive": func() *Guard {
				return &Guard{Adaptive: &Adaptive{Control: gradient.New(gradient.Config{}, nil)}}
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				guard := guard()
				in := NewInbound(InboundConfig{}, InboundDeps{})
				noisy, _ := in.callers.Join("noisy", 0)
				quiet, _ := in.callers.Join("quiet", 0)
				handle := in.admit(func(*exchange) error {
					time.Sleep(time.Hour)
					return nil
				})
				enter := func(ctx context.Context, seat *inflight.Caller) error {
					x := &exchange{ctx: ctx, via: tries{}, seat: seat}
					x.reset()
					if x.guard = guard; seat == quiet && tt.timeout > 0 {
						x.limit(tt.timeout)
					}
					return handle(x)
				}
				var held sync.WaitGroup
				defer held.Wait()
				for range 3 {
					held.Go(func() { enter(t.Context(), noisy) }) //nolint:errcheck // it takes up a place
				}
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.leave > 0 {
					time.AfterFunc(tt.leave, cancel)
				}
				start := time.Now()
				err := enter(ctx, quiet)
				if f := faultOf(err); f.status != tt.status || f.flags != tt.flags || time.Since(start) != tt.after {
					t.Errorf("%s, %s: %v after %v, want %d %s after %v", name, tt.name, err, time.Since(start), tt.status, tt.flags, tt.after)
				}
				if l := in.Load(); l.Crowded+l.Adapted != tt.refused {
					t.Errorf("%s, %s: counted %+v", name, tt.name, l)
				}
			})
		}
	}
}

// An app of nothing but calls that last, which are no latency, is not held to the limit
// of the first measurement for ever, and quiet ones in all places of a later measurement
// do not keep the others out for longer than it may take.
func TestMeasuringEndsWithoutLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := NewInbound(InboundConfig{}, InboundDeps{})
		control := gradient.New(gradient.Config{}, nil)
		seat, _ := in.callers.Join("web", 0)
		guard := &Guard{Adaptive: &Adaptive{Control: control}}
		call := func(lasts bool, begins time.Duration) error {
			x := &exchange{ctx: t.Context(), via: endless{lasts: lasts}, seat: seat}
			x.reset()
			x.guard = guard
			return in.admit(in.begin(once(func(x *exchange) error {
				time.Sleep(begins)
				x.answer.status, x.received = 200, !lasts
				return nil
			})))(x)
		}
		var quiet sync.WaitGroup
		refused := func(n int) (out int) {
			var all sync.WaitGroup
			var count atomic.Int32
			for range n {
				all.Go(func() {
					if call(true, 20*time.Millisecond) != nil {
						count.Add(1)
					}
				})
				synctest.Wait() // one after the other: two at once may wait for the same place
			}
			all.Wait()
			return int(count.Load())
		}
		if n := refused(10); n != 7 {
			t.Errorf("%d of 10 refused at first, want all but 3", n)
		}
		time.Sleep(10 * time.Second)
		if n := refused(100); n != 0 || control.Limit() != 1000 {
			t.Errorf("%d of 100 refused with a limit of %d after the time of a measurement", n, control.Limit())
		}
		for range 700 { // plain requests lead to the next measurement
			if control.State().Measuring {
				break
			}
			time.Sleep(100 * time.Millisecond)
			for range 5 {
				if err := call(false, time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 3 {
			quiet.Go(func() { call(true, time.Hour) }) //nolint:errcheck // it takes up a place
		}
		synctest.Wait()
		if call(false, time.Millisecond) == nil || !control.State().Measuring {
			t.Fatalf("%+v: want it measured, with all places taken", control.State())
		}
		time.Sleep(10 * time.Second)
		if err := call(false, time.Millisecond); err != nil || control.Limit() != 1000 {
			t.Errorf("%v with a limit of %d after the time of the second measurement", err, control.Limit())
		}
		quiet.Wait()
	})
}

// What failed is no latency.
func TestFailuresAreNoLatency(t *testing.T) {
	in := NewInbound(InboundConfig{}, InboundDeps{})
	control := gradient.New(gradient.Config{Least: gradient.LeastLatency{Requests: 1}}, nil)
	seat, _ := in.callers.Join("web", 0)
	x := &exchange{ctx: t.Context(), via: tries{}, seat: seat}
	x.reset()
	x.guard = &Guard{Adaptive: &Adaptive{Control: control}}
	failed := errors.New("broken")
	if err := in.admit(in.begin(once(func(*exchange) error { return failed })))(x); !errors.Is(err, failed) {
		t.Error(err)
	}
	if st, l := control.State(), in.Load(); st.Measured != 0 || l.Working != 0 {
		t.Errorf("%+v, %+v", st, l)
	}
}

// callerNamed is a client that is a sidecar of its own identity, straight to another's
// inbound side.
func (m *testMesh) callerNamed(t *testing.T, name string) *http.Client {
	t.Helper()
	cfg := m.authority.config(t, name)
	cfg.ServerName, cfg.NextProtos = "reviews", []string{"http/1.1"}
	tr := &http.Transport{TLSClientConfig: cfg, MaxConnsPerHost: 50}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// The adaptive limit begins with 3. One that is beyond it hears so in its protocol.
func TestAdaptiveLimitRefuses(t *testing.T) {
	keeper, arrived, hold := holding()
	m := newMesh(t, meshConfig{}, keeper)
	side := m.sidecars[0]
	side.guard.Store(&Guard{Adaptive: &Adaptive{Name: "default/f", Control: gradient.New(gradient.Config{}, nil)}})
	client := m.client(t)
	var held sync.WaitGroup
	for range 3 {
		held.Go(func() { get(t, client, "http://reviews/hold", 200) })
		<-arrived
	}
	get(t, client, "http://reviews/", 503)
	want := "app is overloaded: adaptive limit of 3 requests in flight reached: default/f"
	if rec := side.records.await(t, 0); rec.Reason != want || rec.Flags != "UO" {
		t.Errorf("told as %+v", rec)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://reviews/a.B/C", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	res, err := m.client2(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Header.Get("Grpc-Status") != "14" || !strings.Contains(res.Header.Get("Grpc-Message"), "app is overloaded") {
		t.Errorf("gRPC: %d, %v", res.StatusCode, res.Header)
	}
	for range 3 {
		hold <- struct{}{}
	}
	held.Wait()
	side.records.await(t, 4)
	get(t, client, "http://reviews/", 200)
	side.records.await(t, 5)
	if l := side.in.Load(); l.Adapted != 2 || l.Working != 0 || !l.Adaptive || l.Control.Limit != 3 || !l.Control.Measuring {
		t.Errorf("counted %+v", l)
	}
}

// A WebSocket's place is another's once its protocol was switched.
func TestWebSocketTakesUpNoPlace(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, c)
	})})
	side := m.sidecars[0]
	side.guard.Store(&Guard{Adaptive: &Adaptive{Control: gradient.New(gradient.Config{}, nil)}})
	for range 5 { // the limit is 3
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://reviews/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Connection", "upgrade")
		req.Header.Set("Upgrade", "echo")
		res, err := m.client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%d, %s", res.StatusCode, res.Header.Get("X-Sightline-Reason"))
		}
	}
	get(t, m.client(t), "http://reviews/", 200)
	side.records.await(t, 0) // the WebSockets go on
	if l := side.in.Load(); l.Adapted != 0 || l.Working != 0 {
		t.Errorf("counted %+v", l)
	}
}

// A caller that has taken all places keeps another waiting for the next one only.
func TestNoisyCallerStarvesNobody(t *testing.T) {
	keeper, arrived, hold := holding()
	m := newMesh(t, meshConfig{}, keeper)
	side := m.sidecars[0]
	side.guard.Store(&Guard{InFlight: &InFlight{Bounds: inflight.Bounds{All: inflight.Fixed(4)}, Name: "f"}})
	to := "https://" + side.addr.String()
	noisy, quiet := m.callerNamed(t, "noisy"), m.callerNamed(t, "quiet")
	var held sync.WaitGroup
	for range 4 {
		held.Go(func() { get(t, noisy, to+"/hold", 200) })
		<-arrived
	}
	get(t, noisy, to+"/", 503)
	asked := make(chan struct{})
	go func() { defer close(asked); get(t, quiet, to+"/", 200) }()
	for side.in.Load().Waited == 0 {
		runtime.Gosched()
	}
	hold <- struct{}{}
	<-asked
	for range 3 {
		hold <- struct{}{}
	}
	held.Wait()
	if l := side.in.Load(); l.Crowded != 1 || l.Waited != 1 || l.Callers != 2 {
		t.Errorf("counted %+v", l)
	}
}

func TestConnectionsPerCaller(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	side.guard.Store(&Guard{Connections: 2})
	dial := func(name string) (net.Conn, error) {
		cfg := m.authority.config(t, name)
		cfg.ServerName, cfg.NextProtos = "reviews", []string{"http/1.1"}
		c, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", side.addr.String())
		if err == nil {
			t.Cleanup(func() { c.Close() })
		}
		return c, err
	}
	asks := func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n"); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1024))
		return err
	}
	var all []net.Conn
	for i, want := range []bool{true, true, false} {
		c, err := dial("web")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		if err := asks(c); (err == nil) != want || !want && !errors.Is(err, io.EOF) {
			t.Errorf("connection %d: %v; want one that is too many closed in order", i, err)
		}
	}
	other, err := dial("other")
	if err != nil || asks(other) != nil {
		t.Errorf("another caller: %v", err)
	}
	all[0].Close()
	eventually(t, func() string { return "there is room once the sidecar has seen its end" }, func() bool {
		c, err := dial("web")
		return err == nil && asks(c) == nil
	})
	if n := side.in.Load().CallersConnections; n < 1 {
		t.Errorf("%d were refused", n)
	}
	if n := NewInbound(InboundConfig{}, InboundDeps{}).connections(); n != 16384 {
		t.Errorf("%d without a policy", n)
	}
}
