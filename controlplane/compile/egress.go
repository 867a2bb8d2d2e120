package compile

import (
	"cmp"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// seer is who sees which services.
type seer struct {
	namespace string // "" is every one
	labels    map[string]string
	reach     int
	egress    config.Egress
}

// seers are what the Sidecars say: the nearest first, and of two as near the one whose
// name comes first.
func seers(sorted []config.Object) []seer {
	var out []seer
	for _, o := range sorted {
		if o.Sidecar == nil || mesh.IsRoot(o.Namespace) && len(o.Selector()) > 0 {
			continue
		}
		s := seer{namespace: o.Namespace, labels: o.Selector(), reach: o.Reach(), egress: o.Egress()}
		if mesh.IsRoot(o.Namespace) {
			s.namespace = ""
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b seer) int { return cmp.Compare(b.reach, a.reach) })
	return out
}

// Egress is what an instance sees of the services it asks for; nil is everything.
func (ps Policies) Egress(i mesh.Instance) config.Egress {
	for n := range ps.seers {
		s := &ps.seers[n]
		p := selected{namespace: s.namespace, labels: s.labels}
		if !p.selects(i) {
			continue
		}
		out := slices.Clone(s.egress)
		for k := range out {
			if out[k].Namespace == config.OwnNamespace {
				out[k].Namespace = i.Service.Namespace()
			}
		}
		return out
	}
	return nil
}

// Seen cuts what an instance wants to know into what it may, and the rest.
func (ps Policies) Seen(i mesh.Instance, want []mesh.ServiceName) (seen, hidden []mesh.ServiceName) {
	egress := ps.Egress(i)
	if egress == nil {
		return want, nil
	}
	for _, s := range want {
		if egress.Sees(s) {
			seen = append(seen, s)
		} else {
			hidden = append(hidden, s)
		}
	}
	return seen, hidden
}

// Hide adds services to a set as such that are not known, but for those that are in it
// because a route of another names them. The set stays in the order of names.
func Hide(set []mesh.Snapshot, hidden []mesh.ServiceName) []mesh.Snapshot {
	out := slices.Clip(set)
	for _, name := range hidden {
		if !slices.ContainsFunc(set, func(s mesh.Snapshot) bool { return s.Service == name }) {
			out = append(out, mesh.Snapshot{Service: name})
		}
	}
	slices.SortFunc(out, func(a, b mesh.Snapshot) int { return cmp.Compare(a.Service, b.Service) })
	return out
}
