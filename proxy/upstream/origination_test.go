package upstream

import (
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestOriginationIsForInstancesWithoutASidecar, and connections are made anew when it, or
// what is spoken, changes.
func TestOriginationIsForInstancesWithoutASidecar(t *testing.T) {
	snap := plain(2)
	for n := range snap.Instances {
		snap.Instances[n].AppPort, snap.Instances[n].AppProtocol = 443, mesh.HTTP
	}
	snap.Instances[0].Identity, snap.Instances[0].Plaintext = "", true
	snap.Instances[1].Identity = "spiffe://m/ns/default/sa/a"
	bare, inMesh := snap.Instances[0].ID, snap.Instances[1].ID
	changed := map[mesh.InstanceID]int{}
	s := New(Deps{OnLimits: func(i *Instance) { changed[i.Info.ID]++ }})
	s.Update([]mesh.Snapshot{snap})
	for n, step := range []func(){
		func() { snap.Policy.MTLS, snap.Policy.TLS = mesh.Simple, &mesh.ClientTLS{Names: []string{"a"}} },
		func() { snap.Policy.TLS = &mesh.ClientTLS{Names: []string{"a"}} },
		func() { snap.Policy.TLS = &mesh.ClientTLS{Names: []string{"b"}} },
		func() { snap.Instances[0].AppProtocol = mesh.HTTP2 },
	} {
		step()
		s.Update([]mesh.Snapshot{snap})
		for _, i := range s.view.Load().instances {
			got := i.TLS() != nil
			if want := i.Info.ID == bare; got != want || i.Plaintext() != want {
				t.Errorf("step %d: %s is called with TLS for others %v, plaintext %v", n, i.Info.ID, got, i.Plaintext())
			}
		}
	}
	if changed[bare] != 3 || changed[inMesh] != 0 {
		t.Errorf("changed %v, want 3 times for %s alone", changed, bare)
	}
}
