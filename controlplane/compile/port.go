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
		case alike && p.first:
			group = 0
		case p.Name != "":
			group = all.lowest(p.Name)
		}
		several = several || group != 0
		out = append(out, mesh.ServicePort{Port: p.Port, Group: group})
	}
	if !several {
		return nil
	}
	out = oncePerNumber(declare(apart(out), declared))
	slices.SortFunc(out, func(a, b mesh.ServicePort) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Number, b.Number))
	})
	return out
}

// apart gives ports of two names that are one number at their instances a group each.
func apart(ports []mesh.ServicePort) []mesh.ServicePort {
	named, taken := map[string]uint16{}, map[uint16]bool{}
	for i := range ports {
		p := &ports[i]
		if p.Group == 0 || p.Name == "" {
			continue
		}
		group, known := named[p.Name]
		for !known && taken[p.Group] {
			p.Group++ // to 0 at most, where all of them are taken
		}
		if known {
			p.Group = group
		}
		named[p.Name], taken[p.Group] = p.Group, true
	}
	return ports
}

// oncePerNumber leaves of ports that have a number in common the first.
func oncePerNumber(ports []mesh.ServicePort) []mesh.ServicePort {
	seen := map[uint16]bool{}
	return slices.DeleteFunc(ports, func(p mesh.ServicePort) bool {
		twice := seen[p.Number]
		seen[p.Number] = true
		return twice
	})
}

// renumber has policies for the port of a service with one alone be about the number that
// its instances have it under, as they are what sidecars are told of.
func renumber(s *mesh.Snapshot, declared *config.Service) {
	if len(s.Ports) > 0 || declared == nil || len(declared.Ports) != 1 || len(s.Instances) == 0 {
		return
	}
	from, to := declared.Ports[0].Number, s.Instances[0].AppPort
	if from == to {
		return
	}
	s.PortPolicies = renumbered(s.PortPolicies, from, to)
	s.Subsets = slices.Clone(s.Subsets)
	for i := range s.Subsets {
		s.Subsets[i].PortPolicies = renumbered(s.Subsets[i].PortPolicies, from, to)
	}
}

func renumbered(policies []mesh.PortPolicy, from, to uint16) []mesh.PortPolicy {
	out := slices.Clone(policies)
	for i := range out {
		if out[i].Port == from {
			out[i].Port = to
		}
	}
	return out
}

// declare adds the numbers that a Service gives its ports.
func declare(ports []mesh.ServicePort, s *config.Service) []mesh.ServicePort {
	if s == nil {
		return ports
	}
	out := slices.Clone(ports)
	for _, p := range s.Ports {
		at := target(ports, p)
		if at < 0 {
			continue // no instance has it
		}
		name := ports[at].Name
		out = slices.DeleteFunc(out, func(o mesh.ServicePort) bool { return o.Number == p.Number && o.Name != name })
		if !slices.ContainsFunc(out, func(o mesh.ServicePort) bool { return o.Number == p.Number }) {
			out = append(out, mesh.ServicePort{Port: mesh.Port{Number: p.Number, Name: name, Protocol: ports[at].Protocol}, Group: ports[at].Group})
		}
	}
	return out
}

// target is which of the instances' ports a Service's is: the one of its name, or where it
// has none the one whose number it says; -1 is none.
func target(ports []mesh.ServicePort, p config.ServicePort) int {
	return slices.IndexFunc(ports, func(o mesh.ServicePort) bool {
		return p.Name != "" && o.Name == p.Name || p.Name == "" && p.Target != 0 && o.Number == p.Target
	})
}

// gathered is every number that an instance has an app's port under.
type gathered struct{ ports []gatheredPort }

type gatheredPort struct {
	mesh.Port
	first, later bool // some instance names it first, or after that
}

func gatherPorts(instances []mesh.Instance) gathered {
	var g gathered
	for n := range instances {
		for k, p := range instances[n].AppPorts() {
			one := g.add(p)
			one.first, one.later = one.first || k == 0, one.later || k > 0
		}
	}
	return g
}

// add keeps of a number that is there already, and has no other name, what all say of it
// alike.
func (g *gathered) add(p mesh.Port) *gatheredPort {
	at := slices.IndexFunc(g.ports, func(o gatheredPort) bool {
		return o.Number == p.Number && (o.Name == p.Name || o.Name == "" || p.Name == "")
	})
	if at < 0 {
		g.ports = append(g.ports, gatheredPort{Port: p})
		return &g.ports[len(g.ports)-1]
	}
	old := &g.ports[at]
	if old.Protocol != p.Protocol {
		old.Protocol = ""
	}
	old.Name = cmp.Or(old.Name, p.Name)
	return old
}

// alike reports whether the first port of every instance is the same one: no number is
// the first of one and not of another, and they have no two names.
func (g *gathered) alike() bool {
	name := ""
	for _, p := range g.ports {
		if !p.first {
			continue
		}
		if p.later || name != "" && p.Name != "" && name != p.Name {
			return false
		}
		name = cmp.Or(name, p.Name)
	}
	return !slices.ContainsFunc(g.ports, func(p gatheredPort) bool { return name != "" && p.Name == name && p.later })
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
