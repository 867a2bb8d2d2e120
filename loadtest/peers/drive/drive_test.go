package drive

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/loadtest/peers/echo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plan is a short one against the app.
func plan(t *testing.T) Plan {
	t.Helper()
	a, err := echo.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error)
	go func() { ended <- a.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return Plan{Address: a.Address(), Host: "echo", Connections: 4, For: 200 * time.Millisecond, Body: 128}
}

// against is a plan against an HTTP server of the standard library.
func against(t *testing.T, h http.HandlerFunc) Plan {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Plan{
		Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Host: "echo",
		Connections: 4, Rate: 200, For: 100 * time.Millisecond, Body: 16,
	}
}

func run(t *testing.T, p Plan) Result {
	t.Helper()
	r, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var failed int
	for _, n := range r.Failures {
		failed += n
	}
	if r.Sent != r.Answered+failed {
		t.Errorf("%+v: sent is not answered and failed", r)
	}
	return r
}

func TestOpenLoopSendsAllThatIsDue(t *testing.T) {
	p := plan(t)
	p.Rate = 500
	r := run(t, p)
	if r.Answered != 100 || r.Failed() != 0 || r.Took <= 0 {
		t.Errorf("%+v, want 100 answered and none failed", r)
	}
	if l := r.Latency; l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
		t.Errorf("latencies %+v do not rise", l)
	}
}

func TestClosedLoopEnds(t *testing.T) {
	p := plan(t)
	p.Body = 16 << 10
	r := run(t, p)
	if r.Answered < p.Connections || r.Failed() != 0 || r.PerSecond() <= 0 {
		t.Errorf("%+v, want answers and no failure", r)
	}
}

// A stalled server is charged for the requests it kept from being sent.
func TestLatencyCountsFromWhenDue(t *testing.T) {
	stall := sync.OnceFunc(func() { <-time.After(50 * time.Millisecond) })
	p := against(t, func(w http.ResponseWriter, r *http.Request) {
		stall()
		_, _ = io.Copy(w, r.Body)
	})
	p.Connections = 1
	r := run(t, p)
	if r.Answered != 20 || r.Latency.P90 < 20*time.Millisecond {
		t.Errorf("%+v, want 20 answers, half of them late by some of the stall", r)
	}
}

func TestFailuresAreCountedByReason(t *testing.T) {
	for name, c := range map[string]struct {
		app  http.HandlerFunc
		want string
	}{
		"status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "status 503"},
		"body":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("short")) }, "another body"},
		"closed": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "connection closed"},
		"chunked": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 16))
			_ = http.NewResponseController(w).Flush()
		}, "answer not understood"},
	} {
		r := run(t, against(t, c.app))
		if r.Answered != 0 || r.Failures[c.want] != 20 {
			t.Errorf("%s: %+v, want 20 of %q", name, r, c.want)
		}
	}
}

func TestClosedConnectionsAreDialledAgain(t *testing.T) {
	p := against(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.Copy(w, r.Body)
	})
	if r := run(t, p); r.Answered+r.Failures["connection closed"]+r.Failures["read"]+r.Failures["write"] != 20 || r.Answered == 0 || r.Redials == 0 {
		t.Errorf("%+v, want answers over connections dialled again", r)
	}
}

func TestStopsWithItsContext(t *testing.T) {
	p := plan(t)
	p.Rate, p.For = 100, time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run = %v, want the context's error", err)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{Address: netip.MustParseAddrPort(l.Addr().String()), Host: "echo", Connections: 1, For: time.Second}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), p.Address.String()) {
		t.Errorf("Run = %v, want an error that names %s", err, p.Address)
	}
}

func TestBadPlanNamesEveryFault(t *testing.T) {
	_, err := Run(t.Context(), Plan{Address: netip.MustParseAddrPort("192.0.2.1:80"), Rate: -1, Body: -1})
	for _, want := range []string{"192.0.2.1", "host", "connections 0", "rate -1", "for 0s", "body of -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %q", err, want)
		}
	}
}

func TestSummarize(t *testing.T) {
	var samples []time.Duration
	for i := range 1000 {
		samples = append(samples, time.Duration(1000-i))
	}
	want := Latency{P50: 500, P90: 900, P99: 990, P999: 999, Max: 1000}
	if diff := cmp.Diff(want, summarize(samples)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Latency{P50: 7, P90: 7, P99: 7, P999: 7, Max: 7}, summarize([]time.Duration{7})); diff != "" {
		t.Error(diff)
	}
	if got := summarize(nil); got != (Latency{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestEachRequestHasATraceOfItsOwn(t *testing.T) {
	r := newRequest(Plan{Host: "echo", Body: 3})
	seen := map[string]bool{}
	for range 100 {
		b := string(r.next())
		_, after, _ := strings.Cut(b, traceparent)
		id, _, _ := strings.Cut(after, "\r\n")
		if len(id) != 52 || seen[id] || !strings.HasSuffix(b, "\r\n\r\naaa") {
			t.Fatalf("request %q", b)
		}
		seen[id] = true
	}
}

func TestHoldKeepsConnectionsOpen(t *testing.T) {
	var mu sync.Mutex
	open := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			open++
		case http.StateClosed:
			open--
		}
	}
	s.Start()
	defer s.Close()
	held, err := Hold(t.Context(), Plan{
		Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Host: "echo", Connections: 20, Body: 16,
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	if open != 20 {
		t.Errorf("%d connections open, want 20", open)
	}
	mu.Unlock()
	if err := held.Ask(); err != nil {
		t.Errorf("Ask = %v", err)
	}
	s.CloseClientConnections()
	if err := held.Ask(); err == nil {
		t.Error("connections that the server has closed are taken for alive")
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
}

func TestHoldSaysWhatIsWrong(t *testing.T) {
	for want, app := range map[string]http.HandlerFunc{
		"status 503":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"body of 5 bytes": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("short")) },
		"EOF":             func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"longer than": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "8192")
			_, _ = w.Write(make([]byte, 8<<10))
		},
		"no message with a Cont": func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() },
	} {
		p := against(t, app)
		p.Rate, p.For = 0, 0
		if _, err := Hold(t.Context(), p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Hold = %v, want %q", err, want)
		}
	}
	if _, err := Hold(t.Context(), Plan{}); err == nil {
		t.Error("an empty plan is held")
	}
}
