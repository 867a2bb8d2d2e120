package serve

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// slowly is an app that says when a request of /slow has come, and answers it when it is
// let go.
func slowly() (a app, come <-chan struct{}, let func()) {
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-release
		}
		ok(w, r)
	})}, arrived, func() { close(release) }
}

// Connections that are retired, by either end, lose no request: those under way are
// finished, idle ones end in order, and what comes next goes over new ones.
func TestRetiredConnectionsLoseNoRequest(t *testing.T) {
	for name, retire := range map[string]func(m *testMesh){
		"by the callee": func(m *testMesh) { m.sidecars[0].in.Retire(m.sidecars[0].proved()) },
		"by the caller": func(m *testMesh) { m.out.Retire(func(i mesh.InstanceID) bool { return i == "reviews-1" }) },
	} {
		for protocol, client := range map[string]func(*testMesh) *http.Client{
			"HTTP/1.1": func(m *testMesh) *http.Client { return m.client(t) },
			"HTTP/2":   func(m *testMesh) *http.Client { return m.client2(t) },
		} {
			t.Run(name+", "+protocol, func(t *testing.T) {
				slow, come, let := slowly()
				m := newMesh(t, meshConfig{}, slow)
				side, c := m.sidecars[0], client(m)
				get(t, c, "http://reviews/", 200)
				answered := make(chan error, 1)
				go func() {
					res, err := c.Post("http://reviews/slow", "text/plain", strings.NewReader("x")) // which is sent once
					if err == nil {
						_, err = io.Copy(io.Discard, res.Body)
						err = errors.Join(err, res.Body.Close())
						if res.StatusCode != http.StatusOK {
							err = errors.Join(err, errors.New(res.Status))
						}
					}
					answered <- err
				}()
				<-come
				before := side.proved()
				retire(m)
				for range 3 {
					get(t, c, "http://reviews/", 200)
				}
				let()
				if err := <-answered; err != nil {
					t.Errorf("the request that was under way: %v", err)
				}
				for _, old := range before {
					awaitEnd(t, old.NetConn())
				}
				if n := len(side.proved()) - len(before); n < 1 || n > 3 {
					t.Errorf("%d connections were made after those that were retired", n)
				}
			})
		}
	}
}

// awaitEnd waits until a connection is closed.
func awaitEnd(t *testing.T, c net.Conn) {
	t.Helper()
	for range 1000 {
		if err := c.SetDeadline(time.Now().Add(time.Hour)); errors.Is(err, net.ErrClosed) {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Error("a retired connection stands")
}
