package controlplane

import (
	"cmp"
	"context"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// changesTold is how many changes an answer has.
const changesTold = 20

// ownPropagation is how changes reached the sidecars that have their stream here.
func (p *plane) ownPropagation() mesh.Propagation {
	h := p.hub.Propagation()
	out := mesh.Propagation{Count: h.Count, Sum: h.Sum, Changes: p.hub.Changes()}
	n := uint64(0)
	for i, le := range hub.Buckets {
		n += h.Counts[i]
		out.Buckets = append(out.Buckets, mesh.Bucket{Le: le, Count: n})
	}
	for i := range out.Changes {
		out.Changes[i].ControlPlane = p.replicas.own
	}
	out.Changes = out.Changes[:min(len(out.Changes), changesTold)]
	return out
}

// propagation is the same of all control planes together. One that does not answer is
// left out, and named.
func (p *plane) propagation(ctx context.Context, own bool) (mesh.Propagation, error) { //nolint:revive // the API's own flag
	out := p.ownPropagation()
	if own {
		return out, nil
	}
	peers, err := p.replicas.peers(ctx)
	if err != nil {
		return mesh.Propagation{}, err
	}
	askEach(ctx, peers, (*admin.Client).OwnPropagation, func(id string, theirs mesh.Propagation, err error) {
		if err != nil {
			out.Silent = append(out.Silent, id)
			return
		}
		out.Add(theirs)
	})
	slices.Sort(out.Silent)
	slices.SortFunc(out.Changes, func(a, b mesh.ConfigChange) int {
		return cmp.Or(b.Committed.Compare(a.Committed), cmp.Compare(a.ControlPlane, b.ControlPlane))
	})
	out.Changes = out.Changes[:min(len(out.Changes), changesTold)]
	return out, nil
}
