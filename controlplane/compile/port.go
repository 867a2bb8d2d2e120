package compile

import (
	"cmp"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// servicePorts are the ports of a service by its instances, in the order of their ids;
// none where it has one alone. Instances may have the same port under different numbers,
// as they have to on one machine: what an instance names first is the same port
// everywhere, unless what they say contradicts that, and other ports go by their names.
// The numbers that a Service declares are those of its own ports, whatever an instance has
// under them.
func servicePorts(instances []mesh.Instance, declared *config.Service) []mesh.ServicePort {
	all := gatherPorts(instances)
	alike := all.alike()
	out := make([]mesh.ServicePort, 0, len(all.ports))
	several := false
	for _, p := range all.ports {
		group := p.Number
		switch {
		case alike && all.first[p.Number]:
			group = 0
		case p.Name != "":
			group = all.lowest(p.Name)
		}
		several = several || group != 0
		out = append(out, mesh.ServicePort{Port: p, Group: group})
	}
	if !several {
		return nil
	}
	out = declare(out, declared)
	slices.SortFunc(out, func(a, b mesh.ServicePort) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Number, b.Number))
	})
	return out
}

// declare adds the numbers that a Service gives its ports.
func declare(ports []mesh.ServicePort, s *config.Service) []mesh.ServicePort {
	if s == nil {
		return ports
	}
	out := slices.Clone(ports)
	for _, p := range s.Ports {
		at := slices.IndexFunc(ports, func(o mesh.ServicePort) bool { return p.Name != "" && o.Name == p.Name })
		if at < 0 {
			continue // no instance has it
		}
		out = slices.DeleteFunc(out, func(o mesh.ServicePort) bool { return o.Number == p.Number && o.Name != p.Name })
		if !slices.ContainsFunc(out, func(o mesh.ServicePort) bool { return o.Number == p.Number }) {
			out = append(out, mesh.ServicePort{Port: mesh.Port{Number: p.Number, Name: p.Name, Protocol: ports[at].Protocol}, Group: ports[at].Group})
		}
	}
	return out
}

// gathered is every number that an instance has an app's port under.
type gathered struct {
	ports        []mesh.Port
	first, later map[uint16]bool // numbers that an instance names first, or after that
}

func gatherPorts(instances []mesh.Instance) gathered {
	g := gathered{first: map[uint16]bool{}, later: map[uint16]bool{}}
	for n := range instances {
		for k, p := range instances[n].AppPorts() {
			if k == 0 {
				g.first[p.Number] = true
			} else {
				g.later[p.Number] = true
			}
			g.add(p)
		}
	}
	return g
}

// add keeps of a number that is there already what all say of it alike.
func (g *gathered) add(p mesh.Port) {
	at := slices.IndexFunc(g.ports, func(o mesh.Port) bool { return o.Number == p.Number })
	if at < 0 {
		g.ports = append(g.ports, p)
		return
	}
	old := &g.ports[at]
	if old.Protocol != p.Protocol {
		old.Protocol = ""
	}
	old.Name = cmp.Or(old.Name, p.Name)
}

// alike reports whether the first port of every instance is the same one: no number is
// the first of one and not of another, and they have no two names.
func (g *gathered) alike() bool {
	name := ""
	for _, p := range g.ports {
		if !g.first[p.Number] {
			continue
		}
		if g.later[p.Number] || name != "" && p.Name != "" && name != p.Name {
			return false
		}
		name = cmp.Or(name, p.Name)
	}
	return !slices.ContainsFunc(g.ports, func(p mesh.Port) bool { return name != "" && p.Name == name && g.later[p.Number] })
}

func (g *gathered) lowest(name string) uint16 {
	out := uint16(0)
	for _, p := range g.ports {
		if p.Name == name && (out == 0 || p.Number < out) {
			out = p.Number
		}
	}
	return out
}

// portPolicies are those that a traffic policy has for ports.
func portPolicies(p *networking.TrafficPolicy) []mesh.PortPolicy {
	var out []mesh.PortPolicy
	for _, s := range p.GetPortLevelSettings() {
		out = append(out, mesh.PortPolicy{
			Port: port(s.GetPort()),
			Policy: policy(&networking.TrafficPolicy{
				LoadBalancer: s.GetLoadBalancer(), ConnectionPool: s.GetConnectionPool(),
				OutlierDetection: s.GetOutlierDetection(), Tls: s.GetTls(),
			}),
		})
	}
	return out
}

// port is what a selector names, 0 for none; Validate has refused what is none.
func port(s *networking.PortSelector) uint16 { return uint16(s.GetNumber()) }
