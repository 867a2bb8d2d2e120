package remedy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// stranded names a route whose requests would have nowhere to go without the target:
// all of its destinations are the target's, or kept from traffic already. Such a
// route may be narrower than its service, as one that sends testers to a version.
func (d *decision) stranded(t mesh.Target) string {
	for _, host := range slices.Sorted(maps.Keys(d.in.Snapshots)) {
		for _, r := range d.in.Snapshots[host].Routes {
			uses, others := d.reach(r, t)
			if uses && !others {
				return fmt.Sprintf("route %q of %s would have no instance left", r.Name, host)
			}
		}
	}
	return ""
}

// reach reports whether a route sends to the target, and whether it sends to an
// instance that is neither the target's nor under a verdict.
func (d *decision) reach(r mesh.Route, t mesh.Target) (uses, others bool) {
	for _, to := range r.Destinations {
		if to.Weight == 0 {
			continue
		}
		snap := d.in.Snapshots[to.Service]
		for _, i := range snap.Instances {
			if i.State != mesh.Ready || !selected(snap, to.Subset, i) {
				continue
			}
			at := mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID}
			if covers(t, at) {
				uses = true
			} else if !d.covered(at) {
				others = true
			}
		}
	}
	return uses, others
}

// selected reports whether an instance is in a subset; the empty one holds all.
func selected(snap mesh.Snapshot, subset string, i mesh.Instance) bool {
	if subset == "" {
		return true
	}
	for _, s := range snap.Subsets {
		if s.Name != subset {
			continue
		}
		for k, v := range s.Labels {
			if i.Labels[k] != v {
				return false
			}
		}
		return true
	}
	return false
}
