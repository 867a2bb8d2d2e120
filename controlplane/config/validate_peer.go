package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

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
	v.portModes(p)
	if p.GetMtls().GetMode() == security.PeerAuthentication_MutualTLS_UNSET && len(p.GetPortLevelMtls()) == 0 {
		v.warn("spec.mtls.mode", "is not set, so it is what the namespace or the mesh says")
	}
	v.alone(v.peers, "spec.selector")
	v.peers = append(v.peers, o)
}

// portModes holds what is said of ports against the workloads that have them.
func (v *validator) portModes(p *security.PeerAuthentication) {
	if len(p.GetPortLevelMtls()) == 0 {
		return
	}
	if len(v.object.Selector()) == 0 {
		v.fault("spec.portLevelMtls", "needs a selector: ports are of workloads; give spec.selector.matchLabels, or leave it out")
		return
	}
	has := v.selectedPorts()
	for _, port := range slices.Sorted(maps.Keys(p.GetPortLevelMtls())) {
		if len(has) > 0 && !hasNumber(has, port) {
			v.warn(fmt.Sprintf("spec.portLevelMtls[%q]", strconv.Itoa(int(port))), "%d is no port of a workload that is selected; they have %s", port, enumeratePorts(has))
		}
	}
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
		v.calls(d.GetTrafficPolicy(), "spec.trafficPolicy", modes, called{service: s, but: d.GetSubsets()})
		for i, sub := range d.GetSubsets() {
			v.calls(sub.GetTrafficPolicy(), fmt.Sprintf("spec.subsets[%d].trafficPolicy", i), modes, called{service: s, labels: sub.GetLabels()})
		}
	}
}

// calls looks at what a policy says of a service and of its ports.
func (v *validator) calls(p *networking.TrafficPolicy, path string, modes PeerModes, c called) {
	for i, one := range p.GetPortLevelSettings() {
		if one.GetTls() == nil {
			continue
		}
		own := c
		own.port = port16(one.GetPort().GetNumber())
		c.others = append(c.others, own.port)
		v.callsAs(one.GetTls(), fmt.Sprintf("%s.portLevelSettings[%d].tls.mode", path, i), modes, own)
	}
	v.callsAs(p.GetTls(), path+".tls.mode", modes, c)
}

// called are the instances that a policy is about: of a service, with labels, but for
// those subsets that say for themselves how they are called. Port is the one of their
// apps', 0 for all but others.
type called struct {
	service mesh.ServiceName
	labels  map[string]string
	but     []*networking.Subset
	port    uint16
	others  []uint16
}

// callsAs holds a mode against what each instance takes, or against what the namespace
// does while none runs. It is about the first port of each: what goes to another one is
// secured and taken whatever the modes are, as only the handshake can name a port.
func (v *validator) callsAs(tls *networking.ClientTLSSettings, path string, modes PeerModes, c called) {
	if tls == nil || v.callsOutside(tls, path, c.service) {
		return
	}
	wrong, takes := mesh.Strict, "only mutual TLS"
	if tls.GetMode() != networking.ClientTLSSettings_DISABLE {
		wrong, takes = mesh.Disable, "only plaintext"
	}
	beyond := false
	for labels, ports := range v.world.callees(c.service, c.labels) {
		if !carries(labels, c.labels) || c.excepts(labels) {
			continue
		}
		first, about := c.first(ports)
		beyond = beyond || wrong == mesh.Strict && c.beyondFirst(ports)
		if !about {
			continue
		}
		if mode, by := modes.For(c.service.Namespace(), labels, first); mode == wrong {
			v.find(CodeNotTaken, path, "%s, but %s takes %s: %s says %s", tls.GetMode(), c.service, takes, cmp.Or(by, "the mesh's default"), mode)
			return
		}
	}
	if beyond {
		v.warn(path, "holds for the first port alone: others of %s are called with mutual TLS all the same, as plaintext cannot say which port it is for", c.service)
	}
}

// callsOutside reports whether a rule is about hosts outside the mesh, which prove no
// identity of it, and faults one that wants that.
func (v *validator) callsOutside(tls *networking.ClientTLSSettings, path string, s mesh.ServiceName) bool {
	if originates(tls) {
		return true // see outsiders
	}
	plain := tls.GetMode() == networking.ClientTLSSettings_DISABLE
	e := v.makers[s].ServiceEntry
	switch {
	case v.world.sidecars[s]:
		return false
	case e == nil:
		return plain && s.Outside() // whose entry is still to come: the mesh's default is not about it
	case !e.outside:
		return false
	}
	if !plain {
		v.find(CodeNotTaken, path, "%s, but %s is outside the mesh, and proves no identity of it; want SIMPLE, DISABLE or no tls at all", tls.GetMode(), s)
	}
	return true
}

// first is an app's first port, and whether the policy is about it.
func (c *called) first(ports []mesh.Port) (number uint16, about bool) {
	number = c.port
	if len(ports) > 0 {
		number = ports[0].Number
	}
	return number, (c.port == 0 || c.port == number) && !slices.Contains(c.others, number)
}

// beyondFirst reports whether the policy is about a port of an app's beside its first.
func (c *called) beyondFirst(ports []mesh.Port) bool {
	return len(ports) > 1 && slices.ContainsFunc(ports[1:], func(p mesh.Port) bool {
		return c.port == p.Number || c.port == 0 && !slices.Contains(c.others, p.Number)
	})
}

func (c *called) excepts(labels map[string]string) bool {
	return slices.ContainsFunc(c.but, func(s *networking.Subset) bool {
		return s.GetTrafficPolicy().GetTls() != nil && carries(labels, s.GetLabels())
	})
}

// port16 is a port that Validate tells of elsewhere if it is none.
func port16(n uint32) uint16 { return uint16(min(n, 65535)) } //nolint:gosec // bounded
