package config_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func entry(name, spec string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n"
}

const twoPorts = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 443, name: https, protocol: HTTPS}]"

// TestEntriesTellOfInstancesAndNames: where they say an address it is an instance, where
// a name it is asked for.
func TestEntriesTellOfInstancesAndNames(t *testing.T) {
	all := parse(t, entry("api", "{hosts: [api.example.com, www.example.com], resolution: DNS, "+twoPorts+"}")+
		entry("mixed", "{hosts: [db], resolution: DNS_ROUND_ROBIN, ports: [{number: 5432, name: tcp, protocol: TCP}], endpoints: [{address: 10.0.0.7, ports: {tcp: 5433}}, {address: db.example.com}, {address: _pg._tcp.example.com}]}")+
		entry("inside", "{hosts: [ledger], location: MESH_INTERNAL, resolution: STATIC, "+twoPorts+", endpoints: [{address: 10.0.0.8, serviceAccount: clerk}]}")+
		entry("picked", "{hosts: [picked.example.com], resolution: STATIC, "+twoPorts+", workloadSelector: {labels: {app: w}}}")+
		"---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w, namespace: shop}\nspec: {address: 10.0.0.9, labels: {app: w}}\n")
	if bad := config.Validate(all, config.NewWorld(nil)); len(bad) > 0 {
		t.Errorf("findings %+v", bad)
	}
	show := func(i mesh.Instance) string {
		out := fmt.Sprintf("%s at %s", i.ID, i.Address)
		for _, p := range i.Ports {
			out = fmt.Sprintf("%s %s=%d", out, p.Name, p.Number)
		}
		if i.Plaintext {
			out += " plaintext"
		}
		return out + string(i.Identity)
	}
	var got []string
	for _, i := range config.EntryInstances(all, "mesh.local") {
		got = append(got, show(i))
	}
	for _, l := range config.Lookups(all, "mesh.local") {
		i, ok := l.At(netip.MustParseAddr("192.0.2.1"), 0)
		other, _ := l.At(netip.MustParseAddr("192.0.2.1"), 99)
		got = append(got, fmt.Sprintf("%s %v: %v %s; %s", l.Name, l.One, ok, show(i), other.Address))
	}
	if diff := cmp.Diff([]string{
		"shop/mixed/db.shop/10.0.0.7:5433 at 10.0.0.7:5433 plaintext",
		"shop/inside/ledger.shop/10.0.0.8:8080 at 10.0.0.8:8080 http=8080 https=443spiffe://mesh.local/ns/shop/sa/clerk",
		"workloadentry/shop/w/picked.example.com/10.0.0.9:8080 at 10.0.0.9:8080 http=8080 https=443 plaintext",
		"api.example.com false: true shop/api/api.example.com/192.0.2.1:8080 at 192.0.2.1:8080 http=8080 https=443 plaintext; 192.0.2.1:99",
		"www.example.com false: true shop/api/www.example.com/192.0.2.1:8080 at 192.0.2.1:8080 http=8080 https=443 plaintext; 192.0.2.1:99",
		"db.example.com true: true shop/mixed/db.shop/192.0.2.1:5432 at 192.0.2.1:5432 plaintext; 192.0.2.1:99",
		"_pg._tcp.example.com true: true shop/mixed/db.shop/192.0.2.1:5432 at 192.0.2.1:5432 plaintext; 192.0.2.1:99",
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestValidateEntries(t *testing.T) {
	static := "{hosts: [ledger], resolution: STATIC, " + twoPorts + ", endpoints: [{address: 10.0.0.8}]}"
	for _, c := range []struct{ name, manifest, want string }{
		{"twice", entry("a", static) + entry("b", static), "ServiceEntry shop/b: spec.hosts[0]: ledger.shop is already made by ServiceEntry shop/a; put all about it into one of them"},
		{"selects nobody", entry("a", "{hosts: [ledger], resolution: STATIC, "+twoPorts+", workloadSelector: {labels: {app: w}}}"), `ServiceEntry shop/a: spec.workloadSelector: {"app":"w"} fits no instance and no WorkloadEntry in namespace shop`},
		{
			"a name where there are only addresses",
			entry("a", "{hosts: [ledger], resolution: STATIC, "+twoPorts+", workloadSelector: {labels: {app: w}}}") + "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w, namespace: shop}\nspec: {address: a.example.com, labels: {app: w}}\n",
			`WorkloadEntry shop/w: spec.address: "a.example.com" is a name, and ServiceEntry shop/a that selects it has resolution STATIC; want an address, or resolution DNS`,
		},
		{"a rule of a host outside", entry("a", "{hosts: [api.example.com], resolution: DNS, "+twoPorts+"}") + "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r}\nspec: {host: api.example.com, trafficPolicy: {loadBalancer: {simple: RANDOM}}}\n", ""},
	} {
		var lines []string
		for _, f := range config.Validate(parse(t, c.manifest), config.NewWorld(nil)) {
			lines = append(lines, config.Line(f))
		}
		if got := strings.Join(lines, ""); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
