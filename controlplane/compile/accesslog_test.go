package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const logManifest = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {accessLogging: [{filter: {expression: "response.code >= 400"}}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: ns, namespace: depot, annotations: {sightline.dev/drop-error-logs: "true"}}
spec: {accessLogging: [{match: {mode: CLIENT}, disabled: true}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: workload, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels}}
  tracing: [{randomSamplingPercentage: 5}]
  accessLogging: [{disabled: true}, {match: {mode: SERVER}}]
`

// TestLogsOfTheNearestHold: each level adds to those above it, entry by entry and for the
// directions it is about, as in Istio.
func TestLogsOfTheNearestHold(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, logManifest))
	errors := &mesh.AccessLog{Only: &mesh.LogTest{Op: mesh.LogAtLeast, Attribute: "response.code", Number: 400}}
	for name, tt := range map[string]struct {
		instance mesh.Instance
		want     *mesh.AccessLogs
	}{
		"elsewhere":        {mesh.Instance{Service: "web"}, &mesh.AccessLogs{Outbound: errors, Inbound: errors}},
		"in the namespace": {mesh.Instance{Service: "vans.depot"}, &mesh.AccessLogs{Outbound: &mesh.AccessLog{Off: true, DropErrors: true}, Inbound: errors}},
		"the workload": {
			mesh.Instance{Service: "parcels.depot", Labels: map[string]string{"app": "parcels"}},
			&mesh.AccessLogs{Outbound: &mesh.AccessLog{Off: true}},
		},
	} {
		in := ps.For(tt.instance)
		if d := diff(tt.want, in.Logs); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if sampled := in.Sampling != nil; sampled != (name == "the workload") {
			t.Errorf("%s: sampling is said: %v", name, sampled)
		}
	}
	if compile.InboundPolicies(nil).For(mesh.Instance{Service: "web"}).Logs != nil {
		t.Error("without a word some rows are left out")
	}
}
