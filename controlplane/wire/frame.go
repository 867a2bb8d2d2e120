package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// snapshotsField is the number of Push.snapshots.
const snapshotsField protowire.Number = 4

// EncodeSnapshot is s as it stands in an encoded Push: what AddSnapshots takes.
func EncodeSnapshot(s mesh.Snapshot) ([]byte, error) {
	m := FromSnapshot(s)
	size := proto.Size(m)
	raw := protowire.AppendTag(make([]byte, 0, size+16), snapshotsField, protowire.BytesType)
	raw = protowire.AppendVarint(raw, uint64(size))
	raw, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(raw, m)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot of %q: %w", s.Service, err)
	}
	return raw, nil
}

// AddSnapshots adds encoded snapshots to a push that is only sent: its own encoding
// ends with them, and p.Snapshots does not show them. The same bytes may be part of
// many pushes at once.
func AddSnapshots(p *Push, raw []byte) { p.ProtoReflect().SetUnknown(raw) }
