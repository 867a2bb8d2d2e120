package compile_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const api = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec:
  hosts: [api.example.com]
  resolution: DNS
  subjectAltNames: [cdn.example.net]
  ports: PORTS
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api}
spec:
  host: api.example.com
  trafficPolicy:
    portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy: {tls: {mode: MUTUAL, sni: a.example.com, subjectAltNames: [b], caCertificates: /ca, clientCertificate: /c, privateKey: /k}}
  - name: v2
    labels: {version: v2}
    trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}
`

// resolved is the snapshot of api.example.com at one address.
func resolved(t *testing.T, ports string) mesh.Snapshot {
	t.Helper()
	objs := objects(t, strings.Replace(api, "PORTS", ports, 1))
	if findings := config.Validate(objs, config.NewWorld(nil)); config.Refused(findings) {
		t.Fatalf("refused: %+v", findings)
	}
	i, ok := config.Lookups(objs, "")[0].At(netip.MustParseAddr("192.0.2.1"), 0)
	if !ok {
		t.Fatal("there is no instance")
	}
	i.Origin = "ServiceEntry default/api"
	return compile.Snapshots(objs, []mesh.Instance{i}, nil, 1)["api.example.com"]
}

// TestOriginationIsCompiled: what a rule says, with the names of the entry where it has none.
func TestOriginationIsCompiled(t *testing.T) {
	got := resolved(t, "[{number: 80, name: http, protocol: HTTP, targetPort: 443}, {number: 443, name: https, protocol: HTTPS}]")
	own := mesh.Policy{MTLS: mesh.Own, TLS: &mesh.ClientTLS{ServerName: "a.example.com", Names: []string{"b"}, Authorities: "/ca", Certificate: "/c", Key: "/k"}}
	any := mesh.Policy{MTLS: mesh.Simple, TLS: &mesh.ClientTLS{Unverified: true}}
	want := mesh.Snapshot{
		PortPolicies: []mesh.PortPolicy{{Port: 80, Policy: mesh.Policy{MTLS: mesh.Simple, TLS: &mesh.ClientTLS{Names: []string{"cdn.example.net"}}}}},
		Subsets: []mesh.Subset{
			{Name: "v1", Labels: map[string]string{"version": "v1"}, Policy: &own},
			{Name: "v2", Labels: map[string]string{"version": "v2"}, Policy: &any},
		},
	}
	if d := diff(want, mesh.Snapshot{PortPolicies: got.PortPolicies, Subsets: got.Subsets}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestTwoPortsThatAreOneAtTheHost: each is asked for by its own number, and called as its
// own policy says.
func TestTwoPortsThatAreOneAtTheHost(t *testing.T) {
	got := resolved(t, "[{number: 80, name: http, protocol: HTTP, targetPort: 443}, {number: 8080, name: alt, protocol: HTTP, targetPort: 443}, {number: 443, name: https, protocol: HTTPS}]")
	for number, want := range map[uint16]struct {
		port mesh.Port
		mode mesh.MTLSMode
	}{
		80:   {mesh.Port{Number: 443, Name: "http", Protocol: mesh.HTTP}, mesh.Simple},
		8080: {mesh.Port{Number: 443, Name: "alt", Protocol: mesh.HTTP}, ""},
		443:  {mesh.Port{Number: 443, Name: "https", Protocol: mesh.TLS}, ""},
	} {
		group, ok := got.Group(number)
		port, has := got.PortAt(&got.Instances[0], group)
		if !ok || !has || port != want.port {
			t.Errorf("port %d is %v of group %d (%v, %v), want %v", number, port, group, ok, has, want.port)
		}
		if mode := got.Policy.For(group, got.PortPolicies, &got).MTLS; mode != want.mode {
			t.Errorf("port %d is called with %q, want %q", number, mode, want.mode)
		}
	}
}

// TestPolicyForALonePort is about the number that the entry has, whatever the host's is.
func TestPolicyForALonePort(t *testing.T) {
	got := resolved(t, "[{number: 80, name: http, protocol: HTTP, targetPort: 443}]")
	if p := got.Policy.For(0, got.PortPolicies, &got); p.MTLS != mesh.Simple {
		t.Errorf("it is called with %q, want SIMPLE; %+v", p.MTLS, got.PortPolicies)
	}
}
