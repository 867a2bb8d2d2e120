package compile

import (
	"reflect"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// PolicyNews is what is different between two sets of policies.
type PolicyNews struct {
	before, after Policies

	odd          []selected // in one of the two alone
	peers, seers bool       // differ
}

// Since is what is different from an earlier set.
func (ps Policies) Since(before Policies) PolicyNews {
	out := PolicyNews{
		before: before, after: ps,
		peers: !reflect.DeepEqual(before.peers, ps.peers), seers: !reflect.DeepEqual(before.seers, ps.seers),
	}
	was := make(map[string]selected, len(before.all))
	for _, p := range before.all {
		was[p.key] = p
	}
	for _, p := range ps.all {
		old, ok := was[p.key]
		delete(was, p.key)
		if ok && reflect.DeepEqual(old, p) {
			continue
		}
		if out.odd = append(out.odd, p); ok {
			out.odd = append(out.odd, old)
		}
	}
	for _, p := range was {
		out.odd = append(out.odd, p)
	}
	return out
}

// Concerns reports whether the difference is about an instance. For one that others' nearer
// policies keep from it, it may say so though nothing changes.
func (n *PolicyNews) Concerns(i mesh.Instance) bool {
	if slices.ContainsFunc(n.odd, func(p selected) bool { return p.selects(i) }) {
		return true
	}
	if n.peers {
		var before, after mesh.Inbound
		n.before.mutualTLS(i, &before)
		n.after.mutualTLS(i, &after)
		if before.MTLS != after.MTLS || !slices.Equal(before.PortMTLS, after.PortMTLS) {
			return true
		}
	}
	return n.seers && !reflect.DeepEqual(n.before.Egress(i), n.after.Egress(i))
}
