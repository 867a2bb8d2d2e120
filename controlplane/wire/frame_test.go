package wire

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Who receives a push must not see whether its snapshots were encoded with it or long
// before.
func TestEncodedSnapshotsAreTheSameOnTheWire(t *testing.T) {
	t.Parallel()
	unknown := mesh.Snapshot{Service: "nobody"}
	want := &Push{Sequence: 3, Version: 9, Services: []string{"nobody", "reviews"}, Snapshots: []*Snapshot{FromSnapshot(full()), FromSnapshot(unknown)}}
	sent := &Push{Sequence: 3, Version: 9, Services: []string{"nobody", "reviews"}}
	var all []byte
	for _, s := range []mesh.Snapshot{full(), unknown} {
		one, err := EncodeSnapshot(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one...)
	}
	AddSnapshots(sent, all)
	raw, err := proto.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var got Push
	if err := proto.Unmarshal(raw, &got); err != nil || !proto.Equal(want, &got) {
		t.Errorf("received %v, %v, want %v", &got, err, want)
	}
}
