package compile

import (
	"cmp"
	"slices"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// near are the policies that say something of a kind for an instance: the nearest first,
// of two as near the one whose name comes first.
func (ps Policies) near(i mesh.Instance, says func(*selected) bool) []*selected {
	var near []*selected
	for n := range ps.all {
		if p := &ps.all[n]; says(p) && p.selects(i) {
			near = append(near, p)
		}
	}
	slices.SortStableFunc(near, func(a, b *selected) int { return cmp.Compare(b.reach(), a.reach()) })
	return near
}

// reach is how near a policy is to the workloads it is for: the whole mesh, a
// namespace, or those with some labels.
func (p *selected) reach() int {
	switch {
	case len(p.labels) > 0:
		return 2
	case p.namespace != "":
		return 1
	}
	return 0
}

// directions are which requests of a workload an entry of a Telemetry is about.
type directions struct{ outbound, inbound bool }

func directionsOf(mode telemetry.WorkloadMode) directions {
	return directions{outbound: mode != telemetry.WorkloadMode_SERVER, inbound: mode != telemetry.WorkloadMode_CLIENT}
}
