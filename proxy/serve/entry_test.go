package serve

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestInstanceWithoutASidecar: what a ServiceEntry tells of is an app itself.
func TestInstanceWithoutASidecar(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Host+" "+string(body))
	}))
	t.Cleanup(app.Close)
	m := &testMesh{authority: newAuthority(t), records: &records{}}
	m.start(t, meshConfig{}, mesh.Snapshot{Service: "reviews", Version: 7, Known: true, Instances: []mesh.Instance{{
		ID: "default/old/reviews/127.0.0.1:1", Service: "reviews", State: mesh.Ready, Plaintext: true, AppProtocol: mesh.HTTP,
		Address: netip.MustParseAddrPort(app.Listener.Addr().String()),
	}}})
	c := m.client(t)
	for n := range 3 {
		res, err := c.Post("http://reviews/a", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || string(body) != "reviews hello" {
			t.Errorf("%d %q %v", res.StatusCode, body, err)
		}
		if rec := m.records.await(t, n); rec.MTLS || rec.Peer.Identity != "" || rec.Status != 200 {
			t.Errorf("told as %+v", rec)
		}
	}
}
