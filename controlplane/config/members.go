package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// EntryInstances are the instances that resources tell of: the endpoints of
// ServiceEntries, and for each Service the WorkloadEntries that it selects. Each is known
// by its resource and its address, so that another workload at that address later is
// another instance. The trust domain is that of the sidecars at them.
func EntryInstances(all []Object, trustDomain string) []mesh.Instance {
	var out []mesh.Instance
	for _, o := range all {
		switch {
		case o.ServiceEntry != nil:
			for _, s := range o.ServiceEntry.Services {
				out = append(out, o.entryInstances(s)...)
			}
		case o.Service != nil:
			out = append(out, o.members(all, trustDomain)...)
		}
	}
	return out
}

func (o Object) entryInstances(s mesh.ServiceName) []mesh.Instance {
	var out []mesh.Instance
	for _, i := range o.ServiceEntry.Instances {
		i.ID = mesh.InstanceID(fmt.Sprintf("%s/%s/%s/%s", o.Namespace, o.Name, s, i.Address))
		i.Service, i.Origin, i.Since = s, o.Key(), o.Changed
		out = append(out, i)
	}
	return out
}

// members are the WorkloadEntries that a Service selects, as its instances.
func (o Object) members(all []Object, trustDomain string) []mesh.Instance {
	var out []mesh.Instance
	for _, w := range all {
		if w.WorkloadEntry == nil || !o.Service.Groups(w.Namespace, w.WorkloadEntry.Labels) {
			continue
		}
		var proves mesh.Identity
		if w.WorkloadEntry.Account != "" {
			proves = mesh.AccountIdentity(trustDomain, w.Namespace, w.WorkloadEntry.Account)
		}
		i, ok := w.WorkloadEntry.instance(o.Service.Ports, proves)
		if !ok {
			continue
		}
		i.ID = mesh.InstanceID(fmt.Sprintf("workloadentry/%s/%s/%s/%s", w.Namespace, w.Name, o.Service.Name, i.Address))
		i.Service, i.Origin, i.Since = o.Service.Name, w.Key(), w.Changed
		out = append(out, i)
	}
	return out
}

// Groups reports whether a Service selects a workload of a namespace.
func (s *Service) Groups(namespace string, labels map[string]string) bool {
	return len(s.Selector) > 0 && s.Name.Namespace() == namespace && carries(labels, s.Selector)
}

// Arrange is a workload of a sidecar's as an instance of the Service: its ports are those
// of the Service where it has them, by their names there. Others it has come after them.
func (s *Service) Arrange(i mesh.Instance) mesh.Instance {
	i.Service = s.Name
	has := i.AppPorts()
	var ports []mesh.Port
	for _, p := range s.Ports {
		at := slices.IndexFunc(has, func(h mesh.Port) bool {
			if p.TargetName != "" {
				return h.Name == p.TargetName
			}
			return h.Number == p.target()
		})
		if at < 0 {
			continue
		}
		one := has[at]
		if one.Name = p.Name; p.Protocol != "" {
			one.Protocol = p.Protocol
		}
		ports = append(ports, one)
	}
	if len(ports) == 0 {
		return i
	}
	for _, h := range has {
		if !slices.ContainsFunc(ports, func(p mesh.Port) bool { return p.Number == h.Number }) {
			ports = append(ports, h)
		}
	}
	i.AppPort, i.AppProtocol = ports[0].Number, ports[0].Protocol
	if i.Ports = ports; len(ports) == 1 && ports[0].Name == "" {
		i.Ports = nil
	}
	return i
}

func (p ServicePort) target() uint16 {
	if p.Target != 0 {
		return p.Target
	}
	return p.Number
}

// with is the world in which what resources tell of runs as well, and belongs to the
// Services that select it.
func (w World) with(all []Object) World {
	services, ports := maps.Clone(w.Services), maps.Clone(w.Ports)
	if services == nil {
		services = map[mesh.ServiceName][]map[string]string{}
	}
	if ports == nil {
		ports = map[mesh.ServiceName][]mesh.Port{}
	}
	add := func(s mesh.ServiceName, labels ...map[string]string) {
		services[s] = append(slices.Clip(services[s]), labels...)
	}
	for _, o := range all {
		if o.Service == nil {
			continue
		}
		add(o.Service.Name)
		for _, p := range o.Service.Ports {
			ports[o.Service.Name] = append(slices.Clip(ports[o.Service.Name]), p.Port)
		}
		for of, joined := range w.Services {
			if of != o.Service.Name {
				add(o.Service.Name, o.Service.among(of.Namespace(), joined)...)
			}
		}
	}
	for _, i := range EntryInstances(all, "") {
		add(i.Service, i.Labels)
		ports[i.Service] = append(slices.Clip(ports[i.Service]), i.AppPorts()...)
	}
	for s := range ports {
		ports[s] = sortedPorts(slices.Clone(ports[s]))
	}
	w.Services, w.Ports = services, ports
	return w
}

// among are those of the workloads of a namespace that the Service selects.
func (s *Service) among(namespace string, workloads []map[string]string) (out []map[string]string) {
	for _, labels := range workloads {
		if s.Groups(namespace, labels) {
			out = append(out, labels)
		}
	}
	return out
}

// coreService warns of a Service that nobody belongs to.
func (v *validator) coreService(s *Service) {
	if len(v.world.Services[s.Name]) > 0 || v.world.Unknown || v.world.Unseen[s.Name] {
		return
	}
	switch {
	case len(s.Selector) == 0:
		v.find(CodeNoMember, "spec.selector", "is empty, and no sidecar has joined as %s: nobody belongs to it", s.Name)
	default:
		v.find(CodeNoMember, "spec.selector", "%s fits no instance and no WorkloadEntry in namespace %s", show(s.Selector), v.object.Namespace)
	}
}

// workloadEntry warns of a workload that nobody can call.
func (v *validator) workloadEntry() {
	w := v.object.WorkloadEntry
	selected := false
	for _, o := range v.all {
		if o.Service == nil || !o.Service.Groups(v.object.Namespace, w.Labels) {
			continue
		}
		selected = true
		if _, ok := w.instance(o.Service.Ports, ""); !ok && len(o.Service.Ports) > 0 {
			v.fault("spec.ports", "has none of the ports of %s that selects it; want the number of %q, which its targetPort names", o.Key(), o.Service.Ports[0].TargetName)
		} else if !ok {
			v.fault("spec.labels", "are selected by %s, which has no ports to call it at; give it some", o.Key())
		}
	}
	if !selected {
		v.find(CodeUnselected, "spec.labels", "%s are selected by no Service of namespace %s: nobody can call it", show(w.Labels), v.object.Namespace)
	}
}
