package serve

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// When the time is over at the callee's sidecar first, that is what the caller's record
// says, whether an answer has begun or not.
func TestTimeThatIsOverAtTheOtherSidecarIsTold(t *testing.T) {
	for name, begins := range map[string]http.HandlerFunc{"before the answer": stuckApp, "amid the answer": beginsOnly} {
		t.Run(name, func(t *testing.T) {
			a := handled(begins)
			m := newMesh(t, meshConfig{}, a)
			m.pointAt(t, startSidecar(t, m.authority, InboundConfig{Apps: []App{{Address: startApp(t, a)}}, Timeout: 500 * time.Millisecond}))
			r := request(t, "POST", "/pkg.Service/Method", strings.NewReader("\x00\x00\x00\x00\x00"))
			r.Header.Set("Content-Type", "application/grpc")
			res, _ := do(t, m.client2(t), r)
			if code := res.Header.Get("Grpc-Status") + res.Trailer.Get("Grpc-Status"); code != "4" {
				t.Errorf("the caller got grpc-status %q", code)
			}
			for name := range res.Trailer {
				if strings.HasPrefix(name, "X-Sightline-") {
					t.Errorf("the caller got the trailer %s", name)
				}
			}
			rec := m.records.await(t, 0)
			if rec.Flags != "UT" || rec.GeneratedBy != "peer" || rec.GRPCStatus != 4 || !strings.Contains(rec.Reason, "route timeout after 500ms") {
				t.Errorf("flags %q by %q for %q, gRPC status %d", rec.Flags, rec.GeneratedBy, rec.Reason, rec.GRPCStatus)
			}
		})
	}
}

// What an app says in trailers in the name of a sidecar is neither believed nor passed on.
func TestAppsTrailersAreNotASidecars(t *testing.T) {
	liar := func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		io.WriteString(w, "x") //nolint:errcheck // the client sees
		flush(w)
		for _, name := range []string{"X-Sightline-Reason", "X-Sightline-Flags", "X-Own"} {
			w.Header().Set(http.TrailerPrefix+name, "UT")
		}
	}
	for _, speaks := range []mesh.AppProtocol{mesh.HTTP, mesh.HTTP2} {
		for _, protocol := range []string{"http1", "h2"} {
			t.Run(string(speaks)+"/"+protocol, func(t *testing.T) {
				m := newMesh(t, meshConfig{protocol: speaks}, handled(liar))
				client := m.client(t)
				if protocol == "h2" {
					client = m.client2(t)
				}
				res, _ := do(t, client, request(t, "GET", "/", nil))
				if res.Trailer.Get("X-Own") != "UT" || res.Trailer.Get("X-Sightline-Reason") != "" || res.Trailer.Get("X-Sightline-Flags") != "" {
					t.Errorf("the caller got %v", res.Trailer)
				}
				if rec := m.records.await(t, 0); rec.Flags != "" || rec.Reason != "" || rec.GeneratedBy != "app" {
					t.Errorf("flags %q by %q for %q", rec.Flags, rec.GeneratedBy, rec.Reason)
				}
			})
		}
	}
}
