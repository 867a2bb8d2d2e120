package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const partners = `{hosts: ["*.Example.com", api.example.org], location: MESH_EXTERNAL, resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}`

// TestAnEntryOfResolutionNone makes no service, and no instance; nothing else may be said of
// its hosts.
func TestAnEntryOfResolutionNone(t *testing.T) {
	all := parse(t, entry("partners", partners))
	if bad := config.Validate(all, config.NewWorld(nil)); len(bad) > 0 {
		t.Errorf("findings %+v", bad)
	}
	if n := len(all[0].Hosts()) + len(all[0].Groups()) + len(config.EntryInstances(all, "mesh.local")) + len(config.Lookups(all, "mesh.local")); n > 0 {
		t.Errorf("it makes %d services, instances and names to ask for", n)
	}
	const rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r}\nspec: {host: api.example.org}\n"
	const routes = "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [api.example.org], http: [{route: [{destination: {host: www.example.net}}]}]}\n"
	for more, want := range map[string]string{
		rule:   "DestinationRule default/r: spec.host: api.example.org is of ServiceEntry shop/partners, with resolution NONE: its connections go on to where they were going",
		routes: "VirtualService default/r: spec.hosts[0]: api.example.org is of ServiceEntry shop/partners, with resolution NONE",
		entry("again", strings.Replace(partners, "Example.com", "example.com", 1)):  "ServiceEntry shop/partners: spec.hosts[0]: *.example.com is already made by ServiceEntry shop/again",
		entry("known", "{hosts: [api.example.org], resolution: DNS, "+twoPorts+"}"): "ServiceEntry shop/partners: spec.hosts[1]: api.example.org is already made by ServiceEntry shop/known",
	} {
		var found []string
		for _, f := range config.Validate(parse(t, entry("partners", partners)+more), config.NewWorld(nil)) {
			if f.Severity == config.SeverityError {
				found = append(found, config.Line(f))
			}
		}
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("%s\nfound %q\nwant %s", more, found, want)
		}
	}
}

// TestOnwardIsWhatIsSeen: of the hosts of an entry, the part that a Sidecar lets see.
func TestOnwardIsWhatIsSeen(t *testing.T) {
	o := parse(t, entry("partners", partners))[0]
	for hosts, want := range map[string][]mesh.OnwardHost{
		"":                                   {{Host: "*.example.com", Name: "*.example.com"}, {Host: "api.example.org", Name: "api.example.org"}},
		`"*/*"`:                              {{Host: "*.example.com", Name: "*.example.com"}, {Host: "api.example.org", Name: "api.example.org"}},
		`"shop/api.example.org"`:             {{Host: "api.example.org", Name: "api.example.org"}},
		`"*/a.example.com", "*/example.com"`: {{Host: "a.example.com", Name: "*.example.com"}},
		`"*/*.eu.example.com", "*/*.org"`:    {{Host: "*.eu.example.com", Name: "*.example.com"}, {Host: "api.example.org", Name: "api.example.org"}},
		`"bank/*"`:                           nil,
		`"*/badexample.com"`:                 nil,
	} {
		var sees config.Egress
		if hosts != "" {
			sees = parse(t, "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s}\nspec: {egress: [{hosts: ["+hosts+"]}]}\n")[0].Egress()
		}
		got, any := o.Onward(sees)
		if diff := cmp.Diff(want, got.Hosts); diff != "" || any != (len(want) > 0) {
			t.Errorf("%s: %v (-want +got)\n%s", hosts, any, diff)
		}
		if diff := cmp.Diff([]mesh.OnwardPort{{Number: 80}, {Number: 443, TLS: true}}, got.Ports); diff != "" {
			t.Errorf("ports (-want +got)\n%s", diff)
		}
	}
}
