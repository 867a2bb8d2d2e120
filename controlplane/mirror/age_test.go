package mirror

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const aged = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [{group: "", kind: Service, name: cart}]
  rules: [{backendRefs: [{name: cart, port: 80, weight: %d}]}]
`

// TestTheOlderRouteGoesFirst: a route keeps its age when it is changed.
func TestTheOlderRouteGoesFirst(t *testing.T) {
	r := newRig(t)
	put := func(name string, weight int) {
		r.commit(Ordinary, r.resources.Put(name, mesh.Resource{Manifest: fmt.Sprintf(aged, name, weight)}))
	}
	put("b", 1)
	put("a", 1)
	put("b", 2)
	var names []string
	for _, route := range r.load().Snapshots["cart"].Routes {
		names = append(names, route.Name)
	}
	if got := strings.Join(names, " "); got != "b[0] a[0]" {
		t.Errorf("routes in the order %s, want the older one first", got)
	}
}
