package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func outside(ports string) string {
	return entry("api", "{hosts: [api.example.com], resolution: DNS, ports: ["+ports+"]}")
}

func calls(policy string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r, namespace: shop}\nspec: {host: api.example.com, trafficPolicy: " + policy + "}\n"
}

const (
	toTLS = "{number: 80, name: http, protocol: HTTP, targetPort: 443}"
	own   = "{number: 443, name: https, protocol: HTTPS}"
)

// TestEntriesOfHostsWithTLS: what cannot work is told of, and what usually is right is not.
func TestEntriesOfHostsWithTLS(t *testing.T) {
	const at80 = "{portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}"
	for _, c := range []struct {
		name, manifest string
		want           []string
	}{
		{"HTTP to HTTPS at a target port", outside(toTLS+", "+own) + calls(at80), nil},
		{"the same for a lone port", outside(toTLS) + calls("{tls: {mode: SIMPLE}}"), nil},
		{"a port of HTTPS beside it", outside(toTLS+", "+own) + calls("{tls: {mode: SIMPLE}}"), nil}, // goes as it is
		{
			"plaintext to TLS", outside(toTLS+", "+own) + calls("{portLevelSettings: [{port: {number: 443}, tls: {mode: DISABLE}}]}"),
			[]string{"SL0308 ServiceEntry shop/api: spec.ports[0].targetPort: HTTP would go to port 443 of api.example.com in plaintext; want a DestinationRule with tls.mode SIMPLE for port 80"},
		},
		{
			"a port of HTTP that is 443", outside("{number: 443, name: http, protocol: HTTP}"),
			[]string{"SL0308 ServiceEntry shop/api: spec.ports[0].number: HTTP would go"},
		},
		{"workloads of the mesh", entry("api", "{hosts: [api.example.com], location: MESH_INTERNAL, resolution: STATIC, ports: ["+toTLS+"], endpoints: [{address: 10.0.0.1, serviceAccount: a}]}"), nil},
		{
			"nothing verified", outside(toTLS) + calls("{tls: {mode: SIMPLE, insecureSkipVerify: true}}"),
			[]string{"SL0309 DestinationRule shop/r: spec.trafficPolicy.tls.insecureSkipVerify: whoever answers is taken for the host"},
		},
		{
			"names that nobody has to prove", entry("api", "{hosts: [api.example.com], resolution: DNS, subjectAltNames: [a.example.com], ports: [{number: 80, name: http, protocol: HTTP}]}"),
			[]string{"SL0007 ServiceEntry shop/api: spec.subjectAltNames: has no effect on api.example.com"},
		},
		{"names that are to be proved", entry("api", "{hosts: [api.example.com], resolution: DNS, subjectAltNames: [a.example.com], ports: ["+toTLS+"]}") + calls(at80), nil},
	} {
		var got []string
		for _, f := range config.Validate(parse(t, c.manifest), config.NewWorld([]mesh.Instance{{Service: "web", Identity: "spiffe://m/ns/default/sa/web"}})) {
			got = append(got, f.Code+" "+strings.TrimSpace(config.Line(f)))
		}
		trimmed := make([]string, 0, len(got))
		for i, line := range got {
			if i < len(c.want) && strings.HasPrefix(line, c.want[i]) {
				line = c.want[i]
			}
			trimmed = append(trimmed, line)
		}
		if diff := cmp.Diff(append([]string{}, c.want...), trimmed); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}
