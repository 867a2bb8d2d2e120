package compile_test

import (
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestHedges(t *testing.T) {
	snaps := compile.Snapshots(objects(t, `
apiVersion: sightline.dev/v1alpha1
kind: Hedge
metadata: {name: a, namespace: depot}
spec: {service: parcels, percentile: 95, max: 200ms, grpc: [shop.Catalog/*]}
---
apiVersion: sightline.dev/v1alpha1
kind: Hedge
metadata: {name: b, namespace: depot}
spec: {service: van, after: 50ms}
`), nil, nil, 7)
	for service, want := range map[mesh.ServiceName]*mesh.Hedge{
		"parcels.depot": {Percentile: 0.95, Min: time.Millisecond, Max: 200 * time.Millisecond, GRPC: []string{"shop.Catalog/*"}},
		"van.depot":     {After: 50 * time.Millisecond},
	} {
		if d := diff(want, snaps[service].Hedge); d != "" || !snaps[service].Known {
			t.Errorf("%s (-want +got):\n%s", service, d)
		}
	}
}
