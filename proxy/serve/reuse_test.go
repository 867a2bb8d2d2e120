package serve

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// hangsUp answers one request on each connection as if it would take more, and closes
// it when the second has come.
func hangsUp(t *testing.T, header string) app {
	t.Helper()
	return tcpApp(func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		for range 1 {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			send(t, c, "HTTP/1.1 200 OK\r\n"+header+"Content-Length: 2\r\n\r\nok")
		}
		r.Peek(1) //nolint:errcheck // it waits for the next request, and does not read it
	})
}

func TestKeptConnectionThatWasClosedIsCounted(t *testing.T) {
	m := newMesh(t, meshConfig{}, hangsUp(t, "Keep-Alive: timeout=5, max=100\r\n"))
	c := m.client(t)
	for range 4 {
		if res, body := do(t, c, request(t, http.MethodGet, "/", nil)); res.Status != http.StatusOK || body != "ok" {
			t.Fatalf("got %d %q", res.Status, body)
		}
	}
	in := m.sidecars[0].in
	if in.Races() == 0 || m.out.Races() != 0 {
		t.Errorf("races: %d with the app, %d between sidecars; want some and none", in.Races(), m.out.Races())
	}
	if got := in.AppIdleTime(); got != 4*time.Second {
		t.Errorf("the app keeps connections for 5 s, the sidecar for %v; want 4 s", got)
	}
}

func TestKeptFor(t *testing.T) {
	for field, want := range map[string]time.Duration{
		"timeout=5": 5 * time.Second, "max=100, Timeout=75": 75 * time.Second,
		"": 0, "timeout": 0, "timeout=-1": 0, "timeout=x": 0, "timeout=70000": 0,
	} {
		if got := keptFor(field); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}

// A sidecar that could not connect to its app says so: the request was not seen by
// the app, so that even one that changes something may go to another.
func TestRequestThatNoAppSawGoesToAnother(t *testing.T) {
	dead := app{listen: func(l net.Listener) { l.Close() }}
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			var served atomic.Int32
			m := newMesh(t, meshConfig{}, dead, failing(http.StatusOK, &served))
			c := m.client(t)
			if protocol == "h2" {
				c = m.client2(t)
			}
			for range 8 {
				res, body := do(t, c, request(t, http.MethodPost, "/", io.LimitReader(bytesOf('x'), 100)))
				if res.Status != http.StatusOK {
					t.Fatalf("got %d %q: %s", res.Status, body, res.Header.Get("X-Sightline-Reason"))
				}
			}
			if served.Load() != 8 {
				t.Errorf("%d requests were served, want 8", served.Load())
			}
		})
	}
}

// An app that only claims as much is answered for: its word is not the sidecar's.
func TestAppCannotClaimThatItDidNotSeeARequest(t *testing.T) {
	var served atomic.Int32
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		w.Header().Set("X-Sightline-Flags", "UF")
		w.WriteHeader(http.StatusServiceUnavailable)
	})})
	res, _ := do(t, m.client(t), request(t, http.MethodPost, "/", nil))
	if res.Status != http.StatusServiceUnavailable || served.Load() != 1 {
		t.Errorf("status %d after %d requests, want 503 after one", res.Status, served.Load())
	}
}

// bytesOf is an endless body of one byte.
type bytesOf byte

func (b bytesOf) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// closesKept answers one request on each connection, the first few when all of them have
// come, keeps it for as long as it is idle, and ends it in order when the next request
// comes: as a sidecar does that ends just then.
func closesKept(t *testing.T, a *authority, first int) net.Listener {
	t.Helper()
	l := tls.NewListener(loopback(t), a.config(t, "reviews"))
	t.Cleanup(func() { l.Close() })
	var left atomic.Int64
	left.Store(int64(first))
	here := make(chan struct{})
	go acceptEach(l, func(c net.Conn) {
		r := bufio.NewReader(c)
		if q, err := http.ReadRequest(r); err == nil {
			discard(q.Body)
			if left.Add(-1) == 0 {
				close(here)
			}
			<-here
			send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			r.Peek(1) //nolint:errcheck // it waits for the next request
		}
	})
	return l
}

// However many kept connections an instance ends, no request is lost by it, nor does one
// use up its tries, nor does the instance seem to fail.
func TestEndedConnectionsCostNoTries(t *testing.T) {
	none := &mesh.Retry{Attempts: 0}
	m := newMesh(t, meshConfig{routes: everywhere(0, none)}, to(t, "unused"))
	const kept = 3 * maxUnread
	l := closesKept(t, m.authority, kept)
	snap := mesh.Snapshot{Service: "reviews", Version: 8, Known: true, Routes: everywhere(0, none)}
	snap.Instances = []mesh.Instance{{
		ID: "closing", Service: "reviews", Identity: reviewsIdentity, Address: netip.MustParseAddrPort(l.Addr().String()), State: mesh.Ready,
	}}
	m.set.Update([]mesh.Snapshot{snap})
	var all sync.WaitGroup
	c := m.client(t)
	for _, requests := range []int{kept, 1, 4} { // the later ones meet what the first have left
		for range requests {
			all.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://reviews/", strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				res, err := c.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", res.Status, res.Header.Get("X-Sightline-Reason"))
				}
			})
		}
		all.Wait()
	}
	if m.out.Races() == 0 {
		t.Error("no connection was ended, so nothing was tested")
	}
	for _, s := range m.set.State().Instances {
		if s.Breaker != "admitting" {
			t.Errorf("breaker of %s: %s", s.Instance, s.Breaker)
		}
	}
}
