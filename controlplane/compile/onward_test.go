package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const partners = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partners, namespace: shop}
spec: {hosts: ["*.example.com"], resolution: NONE, ports: [{number: 443, name: tls, protocol: TLS}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: s, namespace: bank}
spec: {egress: [{hosts: ["./*"]}]}
`

// TestOnward: who sees an entry of resolution NONE is told where it may go, a change of it
// is one of what workloads are told, and there is no service of its host.
func TestOnward(t *testing.T) {
	objs := objects(t, partners)
	ps := compile.InboundPolicies(objs)
	want := []mesh.Onward{{
		Entry: "shop/partners", Hosts: []mesh.OnwardHost{{Host: "*.example.com", Name: "*.example.com"}},
		Ports: []mesh.OnwardPort{{Number: 443, TLS: true}},
	}}
	if d := diff(want, ps.For(mesh.Instance{Service: "web"}).Onward); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := ps.For(mesh.Instance{Service: "vault.bank"}).Onward; got != nil {
		t.Errorf("a workload that does not see it is told %+v", got)
	}
	if all := compile.Snapshots(objs, nil, nil, 1); len(all) != 0 {
		t.Errorf("there are services %+v", all)
	}
	b := compile.NewBase("mesh.local")
	if touched := b.Apply(map[string]*config.Object{objs[0].Key(): &objs[0]}); len(touched.Policies) != 1 || len(touched.Services) != 0 {
		t.Errorf("the entry touches %+v", touched)
	}
}
