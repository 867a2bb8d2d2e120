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

// TestPortsOfAHostOutside: each is called where the instance has it, as there is no
// sidecar to be told which one is meant.
func TestPortsOfAHostOutside(t *testing.T) {
	var at []netip.AddrPort
	for _, name := range []string{"first", "second"} {
		app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, name+" "+r.Host)
		}))
		t.Cleanup(app.Close)
		at = append(at, netip.MustParseAddrPort(app.Listener.Addr().String()))
	}
	m := &testMesh{authority: newAuthority(t), records: &records{}}
	m.start(t, meshConfig{}, mesh.Snapshot{
		Service: "api.example.com", Version: 7, Known: true,
		Ports: []mesh.ServicePort{
			{Port: mesh.Port{Number: at[0].Port(), Name: "a", Protocol: mesh.HTTP}},
			{Port: mesh.Port{Number: at[1].Port(), Name: "b", Protocol: mesh.HTTP}, Group: at[1].Port()},
			{Port: mesh.Port{Number: 8080, Name: "b", Protocol: mesh.HTTP}, Group: at[1].Port()},
		},
		Instances: []mesh.Instance{{
			ID: "default/api/api.example.com/127.0.0.1:1", Service: "api.example.com", State: mesh.Ready, Plaintext: true, Address: at[0],
			AppPort: at[0].Port(), AppProtocol: mesh.HTTP,
			Ports: []mesh.Port{{Number: at[0].Port(), Name: "a", Protocol: mesh.HTTP}, {Number: at[1].Port(), Name: "b", Protocol: mesh.HTTP}},
		}},
	})
	c := m.client(t)
	for n, tt := range []struct{ host, want string }{{"api.example.com", "first api.example.com"}, {"api.example.com:8080", "second api.example.com:8080"}} {
		res, err := c.Get("http://" + tt.host + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(body) != tt.want {
			t.Errorf("%s: %d %q %v, want %q", tt.host, res.StatusCode, body, err, tt.want)
		}
		if rec := m.records.await(t, n); rec.MTLS || rec.Peer.Service != "api.example.com" {
			t.Errorf("told as %+v", rec)
		}
	}
}
