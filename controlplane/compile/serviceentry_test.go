package compile_test

import (
	"net/netip"
	"strings"
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

// TestServiceEntryHasItsPort beside those of workloads that have several: who asks for that
// one is understood, and a manifest may name it.
func TestServiceEntryHasItsPort(t *testing.T) {
	objs := objects(t, entry)
	joined := instance("ledger-1", "ledger.shop", mesh.Ready)
	joined.AppPort, joined.Ports = 8080, []mesh.Port{one(8080, ""), one(9090, "grpc")}
	got := compile.Snapshots(objs, []mesh.Instance{joined}, nil, 1)["ledger.shop"]
	for number, group := range map[uint16]uint16{8080: 0, 8081: 0, 9090: 9090} {
		if g, ok := got.Group(number); !ok || g != group {
			t.Errorf("port %d is of group %d, %v; want %d", number, g, ok, group)
		}
	}
	for port, want := range map[string]int{"8081": 0, "9090": 0, "8082": 1} {
		to := objects(t, entry+"---\n"+strings.Replace(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: to-ledger, namespace: shop}
spec: {hosts: [books], http: [{route: [{destination: {host: ledger, port: {number: PORT}}}]}]}
`, "PORT", port, 1))
		world := config.NewWorld([]mesh.Instance{joined, instance("books-1", "books.shop", mesh.Ready)})
		if findings := config.Validate(to, world); len(findings) != want {
			t.Errorf("port %s: findings %+v, want %d", port, findings, want)
		}
	}
}

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
			Labels: map[string]string{"version": "v1"}, State: mesh.Ready, AppProtocol: mesh.HTTP, AppPort: 8080, Plaintext: true, Origin: "ServiceEntry shop/old",
		},
		{
			ID: "shop/old/ledger.shop/[::1]:8081", Service: "ledger.shop", Address: netip.MustParseAddrPort("[::1]:8081"),
			State: mesh.Ready, AppProtocol: mesh.HTTP, AppPort: 8081, Plaintext: true, Locality: "a/b", Origin: "ServiceEntry shop/old",
		},
		joined,
	}
	if d := diff(want, got.Instances); d != "" || !got.Known {
		t.Errorf("instances (-want +got):\n%s", d)
	}
}
