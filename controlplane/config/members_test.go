package config_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const ledger = `
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec:
  selector: {app: ledger}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: grpc-api, port: 81, targetPort: api}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-1, namespace: shop, labels: {app: ledger, version: v1}}
spec: {address: 10.0.0.7, ports: {api: 9090}, labels: {version: v2}, locality: a/b}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-2, namespace: shop}
spec: {address: "2001:db8::1", ports: {http: 8081}, labels: {app: ledger}, serviceAccount: clerk}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-3, namespace: bank}
spec: {address: 10.0.0.9, labels: {app: ledger}}
`

// TestMembersOfAService: a port goes by its name at the workload, then by the Service's
// target; who has an account is asked to prove it, who has none is called in plaintext.
func TestMembersOfAService(t *testing.T) {
	want := []mesh.Instance{
		{
			ID: "workloadentry/shop/vm-1/ledger.shop/10.0.0.7:8080", Service: "ledger.shop", Version: "v2", State: mesh.Ready,
			Address: netip.MustParseAddrPort("10.0.0.7:8080"), Labels: map[string]string{"app": "ledger", "version": "v2"},
			AppPort: 8080, AppProtocol: mesh.HTTP, Locality: "a/b", Plaintext: true, Origin: "WorkloadEntry shop/vm-1",
			Ports: []mesh.Port{{Number: 8080, Name: "http", Protocol: mesh.HTTP}, {Number: 9090, Name: "grpc-api", Protocol: mesh.GRPC}},
		},
		{
			ID: "workloadentry/shop/vm-2/ledger.shop/[2001:db8::1]:8081", Service: "ledger.shop", State: mesh.Ready,
			Address: netip.MustParseAddrPort("[2001:db8::1]:8081"), Labels: map[string]string{"app": "ledger"},
			AppPort: 8081, AppProtocol: mesh.HTTP, Identity: "spiffe://mesh.local/ns/shop/sa/clerk", Origin: "WorkloadEntry shop/vm-2",
			Ports: []mesh.Port{{Number: 8081, Name: "http", Protocol: mesh.HTTP}},
		},
	}
	got := config.EntryInstances(parse(t, ledger), "mesh.local")
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
	if !got[0].Bare() || got[1].Bare() {
		t.Error("a sidecar is where there is an account to prove, and nowhere else")
	}
}

func TestArrange(t *testing.T) {
	s := parse(t, ledger)[0].Service
	p := func(n uint16, name string, protocol mesh.AppProtocol) mesh.Port {
		return mesh.Port{Number: n, Name: name, Protocol: protocol}
	}
	for name, c := range map[string]struct {
		has   mesh.Instance
		first uint16
		want  []mesh.Port
	}{
		"one port":        {mesh.Instance{AppPort: 8080}, 8080, []mesh.Port{p(8080, "http", mesh.HTTP)}},
		"by name, others": {mesh.Instance{Ports: []mesh.Port{p(7, "", ""), p(9, "api", ""), p(8080, "x", mesh.HTTP2)}}, 8080, []mesh.Port{p(8080, "http", mesh.HTTP), p(9, "grpc-api", mesh.GRPC), p(7, "", "")}},
		"none of them":    {mesh.Instance{AppPort: 7}, 7, nil},
		"caller":          {mesh.Instance{}, 0, nil},
	} {
		got := s.Arrange(c.has)
		if diff := cmp.Diff(c.want, got.Ports, cmpopts.EquateEmpty()); diff != "" || got.AppPort != c.first || got.Service != "ledger.shop" {
			t.Errorf("%s: first port %d of %s: %s", name, got.AppPort, got.Service, diff)
		}
	}
}

func TestValidateMembers(t *testing.T) {
	service := func(spec string) string { return "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: " + spec }
	entry := func(spec string) string {
		return "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\nspec: " + spec
	}
	joined := []mesh.Instance{{ID: "web-1", Service: "web", Labels: map[string]string{"app": "web"}}}
	for _, c := range []struct{ name, manifest, want string }{
		{"fits", service("{selector: {app: x}, ports: [{port: 80}]}") + "\n---\n" + entry("{address: 10.0.0.7, labels: {app: x}}"), ""},
		{"fits a sidecar", service("{selector: {app: web}}"), ""},
		{"nobody", service("{selector: {app: x}}"), `Service default/s: spec.selector: {"app":"x"} fits no instance and no WorkloadEntry in namespace default`},
		{"selects nothing", service("{}"), "Service default/s: spec.selector: is empty, and no sidecar has joined as s: nobody belongs to it"},
		{"unselected", entry("{address: 10.0.0.7, labels: {app: x}}"), `WorkloadEntry default/w: spec.labels: {"app":"x"} are selected by no Service and no ServiceEntry of namespace default: nobody can call it`},
		{"no ports", service("{selector: {app: x}}") + "\n---\n" + entry("{address: 10.0.0.7, labels: {app: x}}"), "WorkloadEntry default/w: spec.labels: are selected by Service default/s, which has no ports to call it at; give it some"},
		{
			"no such port", service("{selector: {app: x}, ports: [{port: 80, targetPort: web}]}") + "\n---\n" + entry("{address: 10.0.0.7, labels: {app: x}}"),
			"WorkloadEntry default/w: spec.ports: has none of the ports of Service default/s that selects it; want the number of \"web\", which its targetPort names",
		},
	} {
		var lines []string
		for _, f := range config.Validate(parse(t, c.manifest), config.NewWorld(joined)) {
			lines = append(lines, config.Line(f))
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
