package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Groups are the services that a resource makes of workloads: a Service is one, and a
// ServiceEntry one for each of its hosts. Without a selector none belongs to them.
func (o Object) Groups() []*Service {
	switch {
	case o.Service != nil:
		return []*Service{o.Service}
	case o.ServiceEntry != nil:
		var out []*Service
		for _, name := range o.ServiceEntry.Services {
			out = append(out, &Service{Name: name, Namespace: o.Namespace, Selector: o.ServiceEntry.Selector, Ports: o.ServiceEntry.Ports})
		}
		return out
	}
	return nil
}

// Selects reports whether a workload of a namespace belongs to a Service.
func (s *Service) Selects(namespace string, labels map[string]string) bool {
	return len(s.Selector) > 0 && s.Namespace == namespace && carries(labels, s.Selector)
}

// member is a workload that a resource tells of, as it belongs to a service.
type member struct {
	service  *Service
	workload *WorkloadEntry
	origin   Object // that tells of it
	identity mesh.Identity
	by       Resolution // of a name
}

// members are all workloads that resources tell of, once for each service they belong to.
func members(all []Object, trustDomain string) []member {
	var out []member
	for _, o := range all {
		for _, s := range o.Groups() {
			by := ResolveDNS
			if o.ServiceEntry != nil {
				by = o.ServiceEntry.Resolution
				for _, w := range o.ServiceEntry.endpoints(s.Name) {
					out = append(out, member{s, w, o, accountOf(trustDomain, o.Namespace, w), by})
				}
			}
			for _, w := range all {
				if w.WorkloadEntry != nil && s.Selects(w.Namespace, w.WorkloadEntry.Labels) {
					out = append(out, member{s, w.WorkloadEntry, w, accountOf(trustDomain, w.Namespace, w.WorkloadEntry), by})
				}
			}
		}
	}
	return out
}

// endpoints are those of an entry for one of its services: where none are written down
// and nothing is selected, DNS is asked for the host itself.
func (e *ServiceEntry) endpoints(s mesh.ServiceName) []*WorkloadEntry {
	if len(e.Endpoints) > 0 || e.Selector != nil || e.Resolution == ResolveStatic {
		return e.Endpoints
	}
	return []*WorkloadEntry{{Address: string(s)}}
}

func accountOf(trustDomain, namespace string, w *WorkloadEntry) mesh.Identity {
	if w.Account == "" {
		return ""
	}
	return mesh.AccountIdentity(trustDomain, namespace, w.Account)
}

// EntryInstances are the instances that resources tell of with an address: the endpoints
// of ServiceEntries, and for each Service the WorkloadEntries that it selects. Each is
// known by its resource and its address, so that another workload at that address later is
// another instance. The trust domain is that of the sidecars at them.
func EntryInstances(all []Object, trustDomain string) []mesh.Instance {
	var out []mesh.Instance
	for _, m := range members(all, trustDomain) {
		if address, err := netip.ParseAddr(m.workload.Address); err == nil {
			if i, ok := m.at(address, 0); ok {
				i.Origin, i.Since = m.origin.Key(), m.origin.Changed
				out = append(out, i)
			}
		}
	}
	return out
}

// at is the member at an address, and at that port if it is not 0. It is false for one
// that has none of the service's ports.
func (m *member) at(address netip.Addr, port uint16) (mesh.Instance, bool) {
	i, ok := m.workload.instance(address, m.service.Ports, m.identity)
	if !ok {
		return i, false
	}
	if port != 0 {
		i.Address, i.AppPort = netip.AddrPortFrom(address, port), port
	}
	prefix := ""
	if m.origin.WorkloadEntry != nil {
		prefix = "workloadentry/"
	}
	i.Service = m.service.Name
	i.ID = mesh.InstanceID(fmt.Sprintf("%s%s/%s/%s/%s", prefix, m.origin.Namespace, m.origin.Name, i.Service, i.Address))
	return i, true
}

// Lookup is a name that DNS is to be asked for, and what its addresses are.
type Lookup struct {
	Name    string // with leading underscores it is one of SRV records
	Service mesh.ServiceName
	One     bool // of several addresses one is used, as long as it is among them
	// At is the instance at an address; a port that is not 0 is the record's own. It is
	// false where there is none.
	At func(address netip.Addr, port uint16) (mesh.Instance, bool)
}

// Lookups are the names that resources tell of, in the order of those.
func Lookups(all []Object, trustDomain string) []Lookup {
	var out []Lookup
	for _, m := range members(all, trustDomain) {
		if !isAddress(m.workload.Address) && m.by != ResolveStatic {
			out = append(out, Lookup{Name: m.workload.Address, Service: m.service.Name, One: m.by == ResolveOneDNS, At: m.at})
		}
	}
	return out
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
	if i.Ports = ports; len(ports) == 1 && len(s.Ports) == 1 {
		i.Ports = nil // there is one, whatever it is called
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
	services, ports, sidecars, several := owned(w.Services), owned(w.Ports), owned(w.sidecars), owned(w.several)
	add := func(s mesh.ServiceName, labels ...map[string]string) {
		services[s] = append(slices.Clip(services[s]), labels...)
	}
	for _, o := range all {
		for _, g := range o.Groups() {
			add(g.Name)
			several[g.Name] = several[g.Name] || o.ServiceEntry != nil && len(g.Ports) > 1
			for _, p := range g.Ports {
				ports[g.Name] = append(slices.Clip(ports[g.Name]), p.Port)
			}
			picked := w.pickedBy(g)
			add(g.Name, picked...)
			sidecars[g.Name] = sidecars[g.Name] || len(picked) > 0
		}
	}
	for _, m := range members(all, "") {
		add(m.service.Name, m.workload.Labels)
		sidecars[m.service.Name] = sidecars[m.service.Name] || m.identity != ""
		if i, ok := m.at(netip.IPv4Unspecified(), 0); ok {
			ports[i.Service] = append(slices.Clip(ports[i.Service]), i.AppPorts()...)
		}
	}
	for s := range ports {
		ports[s] = sortedPorts(slices.Clone(ports[s]))
	}
	w.Services, w.Ports, w.sidecars, w.several = services, ports, sidecars, several
	w.callers = w.callers.with(all)
	return w
}

// owned is a map that may be written to, with what is in another.
func owned[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	maps.Copy(out, m)
	return out
}

// pickedBy are the workloads of other services that the Service selects.
func (w World) pickedBy(s *Service) (out []map[string]string) {
	for of, joined := range w.Services {
		if of != s.Name {
			out = append(out, s.among(of.Namespace(), joined)...)
		}
	}
	return out
}

// among are those of the workloads of a namespace that the Service selects.
func (s *Service) among(namespace string, workloads []map[string]string) (out []map[string]string) {
	for _, labels := range workloads {
		if s.Selects(namespace, labels) {
			out = append(out, labels)
		}
	}
	return out
}

// makes faults a second resource that makes a service of a name: neither could say what
// ports it has.
func (v *validator) makes(path string, s mesh.ServiceName) {
	if other, taken := v.makers[s]; taken {
		v.find(CodeRuledTwice, path, "%s is already made by %s; put all about it into one of them", s, other.Key())
		return
	}
	v.makers[s] = v.object
}

func (v *validator) serviceEntry(e *ServiceEntry) {
	for i, s := range e.Services {
		v.makes(fmt.Sprintf("spec.hosts[%d]", i), s)
	}
	for i, host := range e.Onward { // a wildcard is no service's name, and so in nobody's way
		if s, err := mesh.ResolveHost(host, v.object.Namespace); err == nil {
			host = string(s)
		}
		v.makes(fmt.Sprintf("spec.hosts[%d]", i), mesh.ServiceName(host))
	}
	v.encrypted(e)
	v.unproved(e)
	if len(e.Selector) > 0 && len(v.world.Services[e.Services[0]]) == 0 && !v.world.Unknown {
		v.find(CodeNoMember, "spec.workloadSelector", "%s fits no instance and no WorkloadEntry in namespace %s", show(e.Selector), v.object.Namespace)
	}
}

// coreService warns of a Service that nobody belongs to.
func (v *validator) coreService(s *Service) {
	v.makes("metadata.name", s.Name)
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
		for _, g := range o.Groups() {
			if !g.Selects(v.object.Namespace, w.Labels) {
				continue
			}
			selected = true
			v.callable(o, g)
		}
	}
	if !selected {
		v.find(CodeUnselected, "spec.labels", "%s are selected by no Service and no ServiceEntry of namespace %s: nobody can call it", show(w.Labels), v.object.Namespace)
	}
}

// callable faults a WorkloadEntry that belongs to a service and could not be called as
// that.
func (v *validator) callable(o Object, s *Service) {
	w := v.object.WorkloadEntry
	_, ok := w.instance(netip.IPv4Unspecified(), s.Ports, "")
	switch {
	case !ok && len(s.Ports) > 0:
		v.fault("spec.ports", "has none of the ports of %s that selects it; want the number of %q, which its targetPort names", o.Key(), s.Ports[0].TargetName)
	case !ok:
		v.fault("spec.labels", "are selected by %s, which has no ports to call it at; give it some", o.Key())
	case o.ServiceEntry != nil && o.ServiceEntry.Resolution == ResolveStatic && !isAddress(w.Address):
		v.fault("spec.address", "%q is a name, and %s that selects it has resolution STATIC; want an address, or resolution DNS", w.Address, o.Key())
	}
}
