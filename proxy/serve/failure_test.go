package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

func to(t testing.TB, name string) app {
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		send(t, w, name)
	})}
}

// failing answers with the status and counts.
func failing(status int, n *atomic.Int32) app {
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		n.Add(1)
		w.WriteHeader(status)
	})}
}

func everywhere(timeout time.Duration, r *mesh.Retry) []mesh.Route {
	return []mesh.Route{{
		Name: "all", Timeout: timeout, Retry: r,
		Destinations: []mesh.Destination{{Service: "reviews", Weight: 1}},
	}}
}

func wantFault(t *testing.T, res reply, status int, flags, reason string) {
	t.Helper()
	h := res.Header
	if res.Status != status || h.Get("X-Sightline-Flags") != flags || !strings.Contains(h.Get("X-Sightline-Reason"), reason) {
		t.Errorf("got %d %q %q, want %d %q %q", res.Status, h.Get("X-Sightline-Flags"), h.Get("X-Sightline-Reason"), status, flags, reason)
	}
}

func TestFaultsSayWhatHappened(t *testing.T) {
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	m := newMesh(t, meshConfig{routes: everywhere(150*time.Millisecond, nil)}, app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stuck:
		case <-r.Context().Done():
		}
	})})
	c := m.client(t)

	res, _ := do(t, c, request(t, "GET", "/", nil))
	wantFault(t, res, 504, "UT", "route timeout after 150ms")

	r := request(t, "GET", "/", nil)
	r.Host = "nobody"
	res, body := do(t, c, r)
	wantFault(t, res, 404, "NR", "unknown service")
	if !strings.Contains(body, "unknown service: nobody") {
		t.Errorf("body %q", body)
	}
	if rec := m.records.await(t, 1); rec.GeneratedBy != "proxy" || rec.Flags != "NR" || rec.Status != 404 || rec.MTLS {
		t.Errorf("record %+v", rec)
	}

	m.set.Update([]mesh.Snapshot{{Service: "reviews", Known: true, Routes: everywhere(0, nil)}})
	res, _ = do(t, c, request(t, "POST", "/", strings.NewReader("x")))
	wantFault(t, res, 503, "UH", "no instance")
}

// TestNotKnownIsNotAbsent: a service that the control plane has not spoken of may be
// there in a moment.
func TestNotKnownIsNotAbsent(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "ok"))
	m.untold = fmt.Errorf("%w: cart: the control plane is away", ErrUntold)
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		res, _ := do(t, c, request(t, "GET", "/", nil))
		wantFault(t, res, 503, "NC", "cart: the control plane is away")
		if after := res.Header.Get("Retry-After"); after != "1" {
			t.Errorf("%s: Retry-After %q, want 1", name, after)
		}
	}
	if s := unary(t.Context(), m, t); s.Code() != codes.Unavailable {
		t.Errorf("gRPC: %v, want unavailable", s)
	}
}

func TestPeersFaultsAreToldApart(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{listen: func(net.Listener) {}}) // listens, and never accepts
	for i, s := range []string{"GET", "POST"} {
		a := startSidecar(t, m.authority, InboundConfig{Apps: []App{{Address: "127.0.0.1:1"}}})
		m.pointAt(t, a)
		res, _ := do(t, m.client(t), request(t, s, "/", nil))
		wantFault(t, res, 503, "UF", "connect")
		if rec := m.records.await(t, i); rec.GeneratedBy != "peer" || !strings.Contains(rec.Reason, "connect") || rec.Flags != "URX" {
			t.Errorf("record %+v", rec)
		}
		if rec := a.records.await(t, 0); rec.GeneratedBy != "proxy" || rec.Flags != "UF" {
			t.Errorf("inbound record %+v", rec)
		}
	}
}

// pointAt makes the sidecars the only instances.
func (m *testMesh) pointAt(t testing.TB, all ...*sidecar) {
	t.Helper()
	snap := mesh.Snapshot{Service: "reviews", Version: 8, Known: true}
	for i, s := range all {
		snap.Instances = append(snap.Instances, mesh.Instance{
			ID: mesh.InstanceID(fmt.Sprint("moved-", i)), Service: "reviews", Identity: reviewsIdentity, Address: s.addr, State: mesh.Ready,
		})
	}
	var err error
	if m.table, err = route.Compile([]mesh.Snapshot{snap}); err != nil {
		t.Fatal(err)
	}
	m.set.Update([]mesh.Snapshot{snap})
}

func TestRetryGoesToAnotherInstance(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 2, On: []string{"5xx"}})}, failing(500, &n), to(t, "good"))
	c := m.client(t)
	for i := range 20 {
		res, body := do(t, c, request(t, "POST", "/", strings.NewReader(strings.Repeat("x", i*3000))))
		if res.Status != 200 || body != "good" {
			t.Fatalf("request %d: %d %q", i, res.Status, body)
		}
	}
	if n.Load() == 0 {
		t.Error("the failing instance was never tried")
	}
}

func TestRetriesEndAndSaySo(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 2, On: []string{"503"}})}, failing(503, &n))
	res, _ := do(t, m.client(t), request(t, "GET", "/", nil))
	rec := m.records.await(t, 0)
	if res.Status != 503 || n.Load() != 3 || len(rec.Tries) != 3 || rec.Flags != "URX" || rec.GeneratedBy != "app" {
		t.Errorf("status %d after %d tries: %+v", res.Status, n.Load(), rec)
	}
}

func TestLargeBodyIsNotRetried(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 2, On: []string{"5xx"}})}, failing(500, &n))
	res, _ := do(t, m.client(t), request(t, "PUT", "/", strings.NewReader(strings.Repeat("x", 200<<10))))
	if res.Status != 500 || n.Load() != 1 {
		t.Errorf("status %d after %d tries", res.Status, n.Load())
	}
}

func TestPerTryTimeout(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(time.Minute, &mesh.Retry{Attempts: 1, PerTryTimeout: 2 * time.Second, On: []string{"5xx"}})},
		app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == 1 {
				<-r.Context().Done()
				return
			}
			flush(w)
			<-time.After(2500 * time.Millisecond) // the body may take longer than a try
			send(t, w, "late")
		})})
	res, body := do(t, m.client(t), request(t, "GET", "/", nil))
	if res.Status != 200 || body != "late" || n.Load() != 2 {
		t.Errorf("%d %q after %d tries", res.Status, body, n.Load())
	}
}

// hangUp closes connections after reading a request from them, the first n times.
func hangUp(t testing.TB, n *atomic.Int32) app {
	return app{listen: func(l net.Listener) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil && n.Add(-1) < 0 {
				send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
			}
			c.Close()
		}
	}}
}

func TestOnlyIdempotentRequestsAreRepeatedAfterReset(t *testing.T) {
	for method, want := range map[string]int{"GET": 200, "POST": 503} {
		var n atomic.Int32
		n.Store(1)
		m := newMesh(t, meshConfig{}, hangUp(t, &n))
		res, _ := do(t, m.client(t), request(t, method, "/", nil))
		if res.Status != want {
			t.Errorf("%s: %d, want %d (%s)", method, res.Status, want, res.Header.Get("X-Sightline-Reason"))
		}
	}
}

func TestInstanceThatDiesLosesNoSafeRequest(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "one"), to(t, "two"))
	c := m.client(t)
	for i := range 100 {
		if i == 50 {
			m.sidecars[0].stop()
		}
		res, body := do(t, c, request(t, "POST", "/", strings.NewReader("x")))
		if res.Status != 200 {
			t.Fatalf("request %d: %d %q", i, res.Status, body)
		}
	}
}

func TestAnswerThatBreaksOffIsSeenAsBroken(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		flush(w)
		send(t, w, "half")
		flush(w)
		panic(http.ErrAbortHandler)
	})})
	for _, c := range []*http.Client{m.client(t), m.client2(t)} {
		res, err := c.Do(request(t, "GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("read %q without an error", body)
		}
		res.Body.Close()
	}
	if rec := m.records.await(t, 0); rec.Flags != "UC" || rec.Status != 200 {
		t.Errorf("record %+v", rec)
	}
}

func TestClientThatHangsUpCancelsTheRequest(t *testing.T) {
	for name, c2 := range map[string]bool{"http/1.1": false, "h2": true} {
		entered, cancelled := make(chan struct{}), make(chan struct{})
		m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(cancelled)
		})})
		c := m.client(t)
		if c2 {
			c = m.client2(t)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-entered; cancel() }()
		res, err := c.Do(request(t, "GET", "/", nil).WithContext(ctx))
		cancel()
		if err == nil {
			res.Body.Close()
			t.Fatalf("%s: no error", name)
		}
		select {
		case <-cancelled:
		case <-time.After(soon):
			t.Fatalf("%s: the app was not told", name)
		}
		if rec := m.records.await(t, 0); rec.Flags != "DC" || rec.Status != 0 {
			t.Errorf("%s: record %+v", name, rec)
		}
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{}, failing(200, &n))
	for i, in := range []string{
		"POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
		"GET / HTTP/1.1\r\nHost : reviews\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: reviews\r\nX: 1\r\n 2\r\n\r\n",
		"GET / HTTP/1.1\nHost: reviews\n\n",
		"POST / HTTP/1.1\r\nHost: reviews\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: reviews\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
	} {
		got := m.raw(t, in+"GET /smuggled HTTP/1.1\r\nHost: reviews\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Count(got, "HTTP/1.1") != 1 {
			t.Errorf("%q: %q", in, got)
		}
		if rec := m.records.await(t, i); rec.Flags != "DPE" || rec.Status != 400 {
			t.Errorf("%q: record %+v", in, rec)
		}
	}
	if n.Load() != 0 {
		t.Errorf("%d requests came through", n.Load())
	}
}
