package serve

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// pausing is a body that comes in two halves.
func pausing(pause time.Duration) io.Reader {
	r, w := io.Pipe()
	go func() { // it ends with the request, which reads it to its end
		io.WriteString(w, "half")  //nolint:errcheck // the reader sees
		<-time.After(pause)        // a slow client is what is tested
		io.WriteString(w, " half") //nolint:errcheck // as above
		w.Close()
	}()
	return r
}

// The record says how long was waited for a connection, and how long the request took to
// come; of one that met neither it says nothing.
func TestWhereTheTimeWent(t *testing.T) {
	const pause = 100 * time.Millisecond
	for _, speaks := range []mesh.AppProtocol{mesh.HTTP, mesh.HTTP2} {
		for _, protocol := range []string{"http1", "h2"} {
			t.Run(string(speaks)+"/"+protocol, func(t *testing.T) {
				m := newMesh(t, meshConfig{protocol: speaks}, app{Handler: http.HandlerFunc(plainApp)})
				client := m.client(t)
				if protocol == "h2" {
					client = m.client2(t)
				}
				for i, body := range []io.Reader{nil, nil, pausing(pause)} {
					do(t, client, request(t, "POST", "/", body))
					for _, side := range []*records{m.records, m.sidecars[0].records} {
						r := side.await(t, i)
						if (i == 0) != (r.Waited > 0) || r.Waited > r.FirstByte {
							t.Errorf("request %d: waited %v for a connection of %v", i, r.Waited, r.FirstByte)
						}
						if i < 2 && r.Received != 0 || i == 2 && (r.Received < pause/2 || r.Received > r.Took) {
							t.Errorf("request %d: received after %v of %v", i, r.Received, r.Took)
						}
					}
				}
			})
		}
	}
}

// A request that waits for another's connection, or for one that does not come, says so.
func TestTimeInTheQueueIsTold(t *testing.T) {
	cfg := meshConfig{routes: patient(300 * time.Millisecond), policy: mesh.Policy{Limits: mesh.Limits{Connections: 1, Streams: 1}}}
	for _, protocol := range []string{"http1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			m := newMesh(t, cfg, app{Handler: http.HandlerFunc(plainApp)})
			client := m.client(t)
			if protocol == "h2" {
				client = m.client2(t)
			}
			hold(t, client)
			do(t, client, request(t, "GET", "/", nil))
			r := m.records.await(t, 0)
			if !strings.Contains(r.Reason, "in the queue") || r.Waited < 200*time.Millisecond || r.Waited > r.Took {
				t.Errorf("waited %v of %v (%s)", r.Waited, r.Took, r.Reason)
			}
		})
	}
}
