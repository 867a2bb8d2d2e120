package controlplane

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const httpRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews}]
  rules:
  - backendRefs: [{name: reviews, port: 80}, {name: later, port: 80}]
`

// TestHTTPRouteFromEndToEnd: a route reaches who calls its parent, and its status tells
// that a backend is missing, and then that it is there.
func TestHTTPRouteFromEndToEnd(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-v1-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))
	apply(t, c, httpRoute)
	s := web.until(t, "routes", "reviews", func(s mesh.Snapshot) bool { return len(s.Routes) == 1 })
	if d := s.Routes[0].Destinations; len(d) != 2 || d[1].Service != "later" || d[1].Absent != 500 {
		t.Errorf("destinations: %+v", d)
	}
	refs := func() mesh.RouteCondition {
		t.Helper()
		all, err := c.Resources(t.Context(), "HTTPRoute")
		if err != nil || len(all) != 1 || all[0].Status == nil || len(all[0].Status.Parents) != 1 {
			t.Fatalf("resources: %+v, %v", all, err)
		}
		return all[0].Status.Parents[0].Conditions[1]
	}
	if got := refs(); got.Status != "False" || got.Reason != "BackendNotFound" {
		t.Errorf("status before: %+v", got)
	}
	p.sidecar(token, workload("later", "v1", "later-v1-1"))
	web.until(t, "arrival of later", "later", instances(1))
	if got := refs(); got.Status != "True" {
		t.Errorf("status after: %+v", got)
	}
}
