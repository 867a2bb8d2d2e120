package wire

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// FromRevocations is what holders of certificates are told of revocations.
func FromRevocations(all []mesh.Revocation) []*Revocation {
	out := make([]*Revocation, 0, len(all))
	for _, r := range all {
		one := &Revocation{Serial: r.Serial, Identity: string(r.Identity), Expires: timestamppb.New(r.Expires)}
		if !r.Before.IsZero() {
			one.Before = timestamppb.New(r.Before)
		}
		out = append(out, one)
	}
	return out
}
