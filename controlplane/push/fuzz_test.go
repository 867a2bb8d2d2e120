package push

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// FuzzPushes takes two pushes in a row as a control plane might send them. What is put in
// force must be what the push lists, each service once per mention and none beside, and
// what cannot be must leave the set before it alone.
func FuzzPushes(f *testing.F) {
	seed := func(p *wire.Push) []byte {
		raw, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	reviews := wire.FromSnapshot(mesh.Snapshot{Service: "reviews", Version: 1, Known: true})
	f.Add(seed(&wire.Push{Sequence: 1, Services: []string{"reviews"}, Snapshots: []*wire.Snapshot{reviews}, Inbound: &wire.Inbound{}}),
		seed(&wire.Push{Sequence: 2, Services: []string{"reviews"}}))
	f.Add(seed(&wire.Push{Sequence: 1, Services: []string{"nobody"}}), []byte{})
	f.Add([]byte{}, seed(&wire.Push{Services: []string{"reviews"}, Snapshots: []*wire.Snapshot{{Service: "reviews", Instances: []*wire.Instance{{}}}}}))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var inForce []mesh.Snapshot
		c := New(Config{
			Inbound: func(in mesh.Inbound) error {
				if len(in.Tokens) > 1 {
					return errors.New("too many")
				}
				return nil
			},
			Taps: func([]mesh.Tap) {},
		}, func(s []mesh.Snapshot) error { inForce = s; return nil })
		s := &session{c: c, held: map[mesh.ServiceName]held{}}
		for _, raw := range [][]byte{first, second} {
			var m wire.Push
			if proto.Unmarshal(raw, &m) != nil {
				return
			}
			before := inForce
			err := s.take(&m)
			if err != nil {
				return // the stream ends
			}
			names := m.GetServices()
			if c.Status().Refusal != "" {
				if len(before) != len(inForce) {
					t.Errorf("refused, and yet %d services are in force and not %d", len(inForce), len(before))
				}
				continue
			}
			if len(inForce) != len(names) {
				t.Fatalf("%d services in force, want %d", len(inForce), len(names))
			}
			for i, name := range names {
				if string(inForce[i].Service) != name {
					t.Errorf("service %d in force is %q, want %q", i, inForce[i].Service, name)
				}
			}
		}
	})
}
