package compile_test

import (
	"net/netip"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: old, namespace: shop}
spec:
  hosts: [ledger]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  endpoints: [{address: 10.0.0.7, labels: {version: v1}}, {address: "::1", ports: {http: 8081}, locality: a/b}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ledger, namespace: shop}
spec: {host: ledger, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: shop}
spec: {hosts: [ledger], http: [{route: [{destination: {host: ledger, subset: v1}}]}]}
`

// TestServiceEntry: its endpoints are instances beside those that joined, and need no
// identity, as they are not asked for one.
func TestServiceEntry(t *testing.T) {
	objs := objects(t, entry)
	if findings := config.Validate(objs, config.NewWorld(nil)); len(findings) > 0 {
		t.Errorf("findings: %+v", findings)
	}
	joined := instance("ledger-1", "ledger.shop", mesh.Ready)
	got := compile.Snapshots(objs, []mesh.Instance{joined}, nil, 1)["ledger.shop"]
	want := []mesh.Instance{
		{
			ID: "shop/old/ledger.shop/10.0.0.7:8080", Service: "ledger.shop", Version: "v1", Address: netip.MustParseAddrPort("10.0.0.7:8080"),
			Labels: map[string]string{"version": "v1"}, State: mesh.Ready, AppProtocol: mesh.HTTP, AppPort: 8080, Plaintext: true,
		},
		{
			ID: "shop/old/ledger.shop/[::1]:8081", Service: "ledger.shop", Address: netip.MustParseAddrPort("[::1]:8081"),
			State: mesh.Ready, AppProtocol: mesh.HTTP, AppPort: 8081, Plaintext: true, Locality: "a/b",
		},
		joined,
	}
	if d := diff(want, got.Instances); d != "" || !got.Known {
		t.Errorf("instances (-want +got):\n%s", d)
	}
}
