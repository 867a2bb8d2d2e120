package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestServiceGroups: a Service is of the sidecars that joined under its name and of those
// that it selects, at its own ports; a PeerAuthentication is still about the workload.
func TestServiceGroups(t *testing.T) {
	web := ported("web-1", one(8080, "http"), one(9090, "api"))
	web.Service, web.Labels = "web.shop", map[string]string{"app": "web"}
	away := ported("web-2", one(8080, "http"))
	away.Service, away.Labels = "web.bank", map[string]string{"app": "web"}
	front := ported("front-1", one(8080, "http"), one(9090, "api"))
	front.Service = "front.shop"
	told := ported("file/x", one(8080, "http"))
	told.Service, told.Labels, told.Origin, told.Identity = "old.shop", map[string]string{"app": "web"}, "file", ""
	objs := objects(t, `
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: grpc-api, port: 8080, targetPort: api}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: DISABLE}}
`)
	all := compile.Snapshots(objs, []mesh.Instance{web, away, front, told}, nil, 1)
	got := all["front.shop"]
	if len(got.Instances) != 2 || got.Instances[0].ID != "front-1" || got.Instances[1].ID != "web-1" {
		t.Fatalf("instances %+v", got.Instances)
	}
	if i := got.Instances[1]; i.Service != "front.shop" || !i.Plaintext || got.Instances[0].Plaintext {
		t.Errorf("web-1 is %+v", i)
	}
	want := []mesh.ServicePort{
		{Port: one(80, "http"), Group: 0},
		{Port: mesh.Port{Number: 8080, Name: "grpc-api", Protocol: mesh.GRPC}, Group: 9090},
		{Port: mesh.Port{Number: 9090, Name: "grpc-api", Protocol: mesh.GRPC}, Group: 9090},
	}
	want[0].Protocol = mesh.HTTP
	if d := diff(want, got.Ports); d != "" {
		t.Error(d)
	}
	if s := all["web.shop"]; len(s.Instances) != 1 || s.Instances[0].Service != "web.shop" || s.Instances[0].Ports[1].Name != "api" {
		t.Errorf("web itself: %+v", s)
	}
	if s := all["old.shop"]; len(s.Instances) != 1 || s.Instances[0].Plaintext {
		t.Errorf("told of by a file: %+v", s.Instances)
	}
}
