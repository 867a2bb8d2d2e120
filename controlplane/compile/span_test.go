package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const spanManifest = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [{randomSamplingPercentage: 5, customTags: {mesh: {literal: {value: main}}}}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: ns, namespace: depot}
spec: {tracing: [{match: {mode: CLIENT}, disableSpanReporting: true}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: workload, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels}}
  tracing: [{disableSpanReporting: false, customTags: {b: {header: {name: X-User, defaultValue: nobody}}, a: {literal: {value: c}}}}]
`

// TestSpansOfTheNearestHold: of each direction, what is said nearest to a workload.
func TestSpansOfTheNearestHold(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, spanManifest))
	main := []mesh.SpanTag{{Name: "mesh", Literal: "main"}}
	own := []mesh.SpanTag{{Name: "a", Literal: "c"}, {Name: "b", Header: "x-user", Default: "nobody"}}
	for name, tt := range map[string]struct {
		instance mesh.Instance
		want     *mesh.Spans
	}{
		"elsewhere":        {mesh.Instance{Service: "web"}, &mesh.Spans{Outbound: &mesh.SpanRule{Tags: main}, Inbound: &mesh.SpanRule{Tags: main}}},
		"in the namespace": {mesh.Instance{Service: "vans.depot"}, &mesh.Spans{Outbound: &mesh.SpanRule{Off: true, Tags: main}, Inbound: &mesh.SpanRule{Tags: main}}},
		"the workload": {
			mesh.Instance{Service: "parcels.depot", Labels: map[string]string{"app": "parcels"}},
			&mesh.Spans{Outbound: &mesh.SpanRule{Tags: own}, Inbound: &mesh.SpanRule{Tags: own}},
		},
	} {
		if d := diff(tt.want, ps.For(tt.instance).Spans); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if compile.InboundPolicies(nil).For(mesh.Instance{Service: "web"}).Spans != nil {
		t.Error("without a word something is said of spans")
	}
}
