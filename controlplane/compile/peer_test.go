package compile_test

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const peers = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mesh, namespace: istio-system}
spec: {mtls: {mode: PERMISSIVE}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: old, namespace: depot}
spec: {selector: {matchLabels: {version: v0}}, mtls: {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: safe, namespace: vault}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: parcels, namespace: depot}
spec:
  host: parcels
  trafficPolicy: {tls: {mode: DISABLE}}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
`

func TestWhatWorkloadsTakeGoesToThemAndToTheirCallers(t *testing.T) {
	objs := objects(t, peers)
	instances := []mesh.Instance{
		{ID: "v0", Service: "parcels.depot", Labels: map[string]string{"version": "v0"}, State: mesh.Ready},
		{ID: "v1", Service: "parcels.depot", Labels: map[string]string{"version": "v1"}, State: mesh.Ready},
		{ID: "keys", Service: "keys.vault", State: mesh.Ready},
	}
	policies, snaps := compile.InboundPolicies(objs), compile.Snapshots(objs, instances, nil, 1)
	for i, want := range []mesh.MTLSMode{mesh.Disable, mesh.Permissive, ""} {
		if got := policies.For(instances[i]).MTLS; got != want {
			t.Errorf("%s is told %q, want %q", instances[i].ID, got, want)
		}
		for _, s := range snaps[instances[i].Service].Instances {
			if s.ID == instances[i].ID && s.Plaintext != (want == mesh.Disable) {
				t.Errorf("callers of %s are told plaintext: %v", s.ID, s.Plaintext)
			}
		}
	}
	if instances[0].Plaintext {
		t.Error("an instance that was handed in has changed")
	}
	s := snaps["parcels.depot"]
	if s.Policy.MTLS != mesh.Disable || s.Subsets[0].Policy.MTLS != mesh.Mutual || snaps["keys.vault"].Policy.MTLS != "" {
		t.Errorf("of the rule they are told %+v", s)
	}
}

// TestModesOfPortsGoToSidecars: callers hear of the first port, which plaintext is for, and
// a sidecar with one port alone hears nothing of ports, as it need not know of them.
func TestModesOfPortsGoToSidecars(t *testing.T) {
	objs := objects(t, `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: parcels, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels}}
  mtls: {mode: PERMISSIVE}
  portLevelMtls: {8080: {mode: DISABLE}, 9090: {mode: STRICT}, 9191: {mode: PERMISSIVE}}
`)
	instance := func(id mesh.InstanceID, ports ...mesh.Port) mesh.Instance {
		i := ported(id, ports...)
		i.Service, i.Labels = "parcels.depot", map[string]string{"app": "parcels"}
		return i
	}
	for name, tt := range map[string]struct {
		instance  mesh.Instance
		mode      mesh.MTLSMode
		ports     []mesh.PortMTLS
		plaintext bool
	}{
		"none": {instance("a"), mesh.Permissive, nil, false},
		"one":  {instance("a", one(8080, "")), mesh.Disable, nil, true},
		"several": {
			instance("a", one(8080, ""), one(9090, ""), one(9191, ""), one(7070, "")),
			mesh.Permissive,
			[]mesh.PortMTLS{{Port: 8080, Mode: mesh.Disable}, {Port: 9090, Mode: mesh.Strict}},
			true,
		},
		"in another order": {
			instance("a", one(9090, ""), one(8080, "")),
			mesh.Permissive,
			[]mesh.PortMTLS{{Port: 9090, Mode: mesh.Strict}, {Port: 8080, Mode: mesh.Disable}},
			false,
		},
	} {
		in := compile.InboundPolicies(objs).For(tt.instance)
		if d := diff(tt.ports, in.PortMTLS); d != "" || in.MTLS != tt.mode {
			t.Errorf("%s: told %q, want %q; of ports %s", name, in.MTLS, tt.mode, d)
		}
		got := compile.Snapshots(objs, []mesh.Instance{tt.instance}, nil, 1)["parcels.depot"].Instances[0]
		if got.Plaintext != tt.plaintext {
			t.Errorf("%s: callers are told plaintext: %v", name, got.Plaintext)
		}
	}
}
