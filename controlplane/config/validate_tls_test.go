package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestTLSToHostsOutside: SIMPLE is for who takes no mutual TLS of the mesh.
func TestTLSToHostsOutside(t *testing.T) {
	const (
		entry   = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [%s], resolution: STATIC, %sports: [{number: 443, name: https, protocol: HTTPS}], endpoints: [{address: 10.0.0.7%s}]}\n"
		machine = "apiVersion: v1\nkind: Service\nmetadata: {name: ledger}\nspec: {selector: {app: ledger}, ports: [{port: 443}]}\n---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\nspec: {address: 10.0.0.8, labels: {app: ledger}}\n"
	)
	out := fmt.Sprintf(entry, "api.example.com", "", "")
	world := NewWorld([]mesh.Instance{{Service: "reviews", Labels: map[string]string{"app": "reviews"}}})
	for _, c := range []struct{ host, tls, beside, want string }{
		{"api.example.com", "{mode: SIMPLE}", out, ""},
		{"api.example.com", "{mode: SIMPLE, sni: www.example.com, subjectAltNames: [a.example.com, 'spiffe://a/b'], caCertificates: /etc/a.pem}", out, ""},
		{"api.example.com", "{mode: SIMPLE, caCertificates: system}", out, ""},
		{"api.example.com", "{mode: SIMPLE, caCertificates: a.pem}", out, `tls.caCertificates: "a.pem" is not the whole path of a file`},
		{"api.example.com", "{mode: SIMPLE, sni: 'A b'}", out, `tls.sni: "A b" is not a whole name`},
		{"api.example.com", "{mode: SIMPLE, subjectAltNames: [a, a]}", out, `tls.subjectAltNames[1]: "a" is there twice`},
		{"api.example.com", "{mode: SIMPLE, insecureSkipVerify: true}", out, "tls.insecureSkipVerify: whoever answers is taken for the host"},
		{"api.example.com", "{mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}", out, "tls.subjectAltNames: has no effect beside insecureSkipVerify: true"},
		{"api.example.com", "{mode: MUTUAL, clientCertificate: /etc/c.pem, privateKey: /etc/k.pem}", out, ""},
		{"api.example.com", "{mode: MUTUAL, clientCertificate: /etc/c.pem}", out, "tls.privateKey: is missing; MUTUAL wants"},
		{"api.example.com", "{mode: MUTUAL, clientCertificate: c.pem, privateKey: /k}", out, `tls.clientCertificate: "c.pem" is not the whole path of a file`},
		{"api.example.com", "{mode: SIMPLE, privateKey: /k}", out, `tls.privateKey: "/k" has no effect with SIMPLE; want mode MUTUAL`},
		{"api.example.com", "{mode: ISTIO_MUTUAL}", out, "tls.mode: ISTIO_MUTUAL, but api.example.com is outside the mesh"},
		{"api.example.com", "{mode: DISABLE}", out, ""},
		{"reviews", "{mode: MUTUAL, sni: a.example.com, clientCertificate: /c, privateKey: /k}", "", `tls.mode: "MUTUAL" is for hosts outside the mesh`},
		{"api.example.com", "{mode: DISABLE, sni: a.example.com}", out, "tls.sni: does not belong to mode DISABLE"},
		{"reviews", "{mode: SIMPLE, sni: a.example.com}", "", `tls.mode: "SIMPLE" is for hosts outside the mesh, and whoever is reviews takes`},
		{"inside", "{mode: SIMPLE, sni: a.example.com}", fmt.Sprintf(entry, "inside", "location: MESH_INTERNAL, ", ", serviceAccount: a"), `tls.mode: "SIMPLE" is for hosts outside`},
		{"ledger", "{mode: SIMPLE, sni: a.example.com}", machine, ""},
		{"ledger", "{mode: SIMPLE}", machine, "tls.sni: is missing, and ledger is no name that a certificate outside has"},
	} {
		for _, rule := range []string{tlsRule(c.host, "x"), strings.Replace(tlsRule(c.host, "x"), "tls: {mode: x}", "portLevelSettings: [{port: {number: 443}, tls: {mode: x}}]", 1)} {
			if c.host == "reviews" && strings.Contains(rule, "portLevel") {
				continue
			}
			var found []string
			for _, f := range Validate(mustParse(t, strings.Replace(rule, "{mode: x}", c.tls, 1)+"---\n"+c.beside), world) {
				if f.Severity != SeverityInfo {
					found = append(found, Line(f))
				}
			}
			if said := strings.Join(found, "; "); (c.want == "") != (said == "") || !strings.Contains(said, c.want) {
				t.Errorf("%s of %s: %q, want %q", c.tls, c.host, said, c.want)
			}
		}
	}
}
