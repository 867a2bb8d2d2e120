package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) peerAuthentication(p *security.PeerAuthentication) {
	o := v.object
	if mesh.IsRoot(o.Namespace) && len(o.Selector()) > 0 {
		v.fault("spec.selector", "has no effect in namespace %s, where a PeerAuthentication is for the whole mesh; leave it out, or move the resource to the namespace of the workloads", o.Namespace)
		return
	}
	v.selects()
	if p.GetMtls().GetMode() == security.PeerAuthentication_MutualTLS_UNSET {
		v.warn("spec.mtls.mode", "is not set, so it is what the namespace or the mesh says")
	}
	v.alone(v.peers, "spec.selector")
	v.peers = append(v.peers, o)
}

// alone holds the object against others of its kind, of which one holds for a workload.
func (v *validator) alone(others []Object, selector string) {
	o := v.object
	for _, other := range others {
		if other.Reach() != o.Reach() || o.Reach() == 1 && other.Namespace != o.Namespace {
			continue
		}
		switch {
		case o.Reach() < 2:
			v.find(CodeTwoPolicies, "spec", "%s is for the same workloads; keep one of them", other.Key())
		case other.Namespace == o.Namespace && maps.Equal(other.Selector(), o.Selector()):
			v.find(CodeTwoPolicies, selector, "%s selects the same workloads; keep one of them", other.Key())
		case v.both(o, other):
			v.warn(selector, "also selects workloads of %s, which holds for them as its name comes first", other.Key())
		}
	}
}

// both reports whether some running instance is selected by each.
func (v *validator) both(a, b Object) bool {
	for s, instances := range v.world.Services {
		for _, labels := range instances {
			if a.Selects(s.Namespace(), labels) && b.Selects(s.Namespace(), labels) {
				return true
			}
		}
	}
	return false
}

// mutualTLS finds DestinationRules that call workloads in a way that those do not take.
func (v *validator) mutualTLS() {
	modes := NewPeerModes(v.peers)
	for _, s := range slices.Sorted(maps.Keys(v.rules)) {
		v.object = v.rules[s]
		d := v.object.DestinationRule
		v.callsAs(d.GetTrafficPolicy().GetTls(), "spec.trafficPolicy.tls.mode", modes, called{s, nil, d.GetSubsets()})
		for i, sub := range d.GetSubsets() {
			path := fmt.Sprintf("spec.subsets[%d].trafficPolicy.tls.mode", i)
			v.callsAs(sub.GetTrafficPolicy().GetTls(), path, modes, called{s, sub.GetLabels(), nil})
		}
	}
}

// called are the instances that a policy is about: of a service, with labels, but for
// those subsets that say for themselves how they are called.
type called struct {
	service mesh.ServiceName
	labels  map[string]string
	but     []*networking.Subset
}

// callsAs holds a mode against what each instance takes, or against what the namespace
// does while none runs.
func (v *validator) callsAs(tls *networking.ClientTLSSettings, path string, modes PeerModes, c called) {
	if tls == nil {
		return
	}
	wrong, takes := mesh.Strict, "only mutual TLS"
	if tls.GetMode() != networking.ClientTLSSettings_DISABLE {
		wrong, takes = mesh.Disable, "only plaintext"
	}
	instances := v.world.Services[c.service]
	if len(instances) == 0 {
		instances = []map[string]string{c.labels}
	}
	for _, labels := range instances {
		if !carries(labels, c.labels) || c.excepts(labels) {
			continue
		}
		if mode, by := modes.For(c.service.Namespace(), labels); mode == wrong {
			v.find(CodeNotTaken, path, "%s, but %s takes %s: %s says %s", tls.GetMode(), c.service, takes, cmp.Or(by, "the mesh's default"), mode)
			return
		}
	}
}

func (c *called) excepts(labels map[string]string) bool {
	return slices.ContainsFunc(c.but, func(s *networking.Subset) bool {
		return s.GetTrafficPolicy().GetTls() != nil && carries(labels, s.GetLabels())
	})
}
