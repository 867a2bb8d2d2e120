package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const metricManifest = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec:
  metrics:
  - providers: [{name: prometheus}]
    overrides:
    - match: {metric: ALL_METRICS}
      tagOverrides: {request_method: {operation: REMOVE}}
    - {match: {metric: REQUEST_SIZE, mode: SERVER}, disabled: true}
    - {match: {metric: GRPC_REQUEST_MESSAGES}, disabled: true}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: workload, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels}}
  metrics:
  - overrides:
    - {match: {mode: SERVER}, tagOverrides: {source_version: {operation: REMOVE}, route: {operation: REMOVE}}}
    - {match: {metric: REQUEST_SIZE}, disabled: false}
`

func TestMetricsOfTheNearestHold(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, metricManifest))
	method := []mesh.MetricLabel{mesh.LabelMethod}
	for name, tt := range map[string]struct {
		instance mesh.Instance
		want     *mesh.Metrics
	}{
		"elsewhere": {mesh.Instance{Service: "web"}, &mesh.Metrics{
			Outbound: &mesh.MetricRule{Remove: method}, Inbound: &mesh.MetricRule{Remove: method, Off: []mesh.Metric{mesh.RequestSize}},
		}},
		"the workload": {mesh.Instance{Service: "parcels.depot", Labels: map[string]string{"app": "parcels"}}, &mesh.Metrics{
			Outbound: &mesh.MetricRule{Remove: method},
			Inbound:  &mesh.MetricRule{Remove: []mesh.MetricLabel{mesh.LabelMethod, mesh.LabelPeerVersion, mesh.LabelRoute}},
		}},
	} {
		if d := diff(tt.want, ps.For(tt.instance).Metrics); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if compile.InboundPolicies(nil).For(mesh.Instance{Service: "web"}).Metrics != nil {
		t.Error("without a word something is left out")
	}
}
