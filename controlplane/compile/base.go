package compile

import (
	"cmp"
	"iter"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Base is what resources say of each service, before anything runs. It knows which
// services a resource speaks of, so that a change is compiled for those alone. It belongs
// to one goroutine.
type Base struct {
	domain  string                   // the mesh's trust domain
	objects map[string]config.Object // by key
	index   index

	// refers counts, for each service, the resources and the services' own routes that name
	// it: it is told of then, though nobody may know it.
	refers map[mesh.ServiceName]int
	names  map[string][]mesh.ServiceName // by who names them

	snaps   map[mesh.ServiceName]mesh.Snapshot   // of those that resources are about
	groups  map[mesh.ServiceName]*config.Service // of workloads: of two of a name the first by key
	grouped map[string][]mesh.ServiceName        // names of groups with a selector by their namespace, in order
	modes   config.PeerModes
}

// NewBase is the base of no resource, in a mesh of that trust domain.
func NewBase(trustDomain string) *Base {
	return &Base{
		domain:  trustDomain,
		objects: map[string]config.Object{},
		index:   newIndex(),
		refers:  map[mesh.ServiceName]int{},
		names:   map[string][]mesh.ServiceName{},
		snaps:   map[mesh.ServiceName]mesh.Snapshot{},
		groups:  map[mesh.ServiceName]*config.Service{},
		grouped: map[string][]mesh.ServiceName{},
	}
}

// Configured is the base of these resources.
func Configured(objs []config.Object, trustDomain string) *Base {
	b := NewBase(trustDomain)
	all := make(map[string]*config.Object, len(objs))
	for i := range objs {
		all[objs[i].Key()] = &objs[i]
	}
	b.Apply(all)
	return b
}

// Names are the services that resources speak of, or name in a route.
func (b *Base) Names() iter.Seq[mesh.ServiceName] {
	return func(yield func(mesh.ServiceName) bool) {
		for name := range b.snaps {
			if !yield(name) {
				return
			}
		}
		for name := range b.refers {
			if _, once := b.snaps[name]; !once && !yield(name) {
				return
			}
		}
	}
}

// Service is the snapshot of one service, without a version: what its resources say,
// with its instances, which are in the order of their ids, and verdicts. It is false
// for a service that nobody speaks of.
func (b *Base) Service(name mesh.ServiceName, instances []mesh.Instance, verdicts []mesh.Verdict) (mesh.Snapshot, bool) {
	s, ok := b.snaps[name]
	ok = ok || b.refers[name] > 0
	s.Service = name
	s.Instances, s.Verdicts = slices.Clip(s.Instances), slices.Clip(s.Verdicts)
	all := slices.Clone(s.Instances)
	for _, i := range instances {
		s.Known = true
		i = b.member(name, i)
		all = append(all, i)
		if i.State == mesh.Ready || i.State == mesh.Draining {
			s.Instances = append(s.Instances, i)
		}
	}
	s.Ports = servicePorts(all, b.groups[name])
	renumber(&s, b.groups[name])
	for _, v := range verdicts {
		if v.Phase != mesh.Released {
			s.Known = true
			s.Verdicts = append(s.Verdicts, v)
		}
	}
	slices.SortFunc(s.Verdicts, func(x, y mesh.Verdict) int { return cmp.Compare(x.ID, y.ID) })
	return s, ok || s.Known
}

// Of are the services that an instance belongs to: its own, and the Services that select
// it. What is told of by others than its sidecar belongs where those say.
func (b *Base) Of(i *mesh.Instance) []mesh.ServiceName {
	out := []mesh.ServiceName{i.Service}
	if i.Origin != "" {
		return out
	}
	for _, name := range b.grouped[i.Service.Namespace()] {
		if name != i.Service && b.Has(name, i) {
			out = append(out, name)
		}
	}
	return out
}

// Has reports whether an instance belongs to a service.
func (b *Base) Has(name mesh.ServiceName, i *mesh.Instance) bool {
	if i.Service == name {
		return true
	}
	g := b.groups[name]
	return g != nil && i.Origin == "" && g.Selects(i.Service.Namespace(), i.Labels)
}

// member is an instance as it belongs to a service.
func (b *Base) member(name mesh.ServiceName, i mesh.Instance) mesh.Instance {
	if i.Origin == "" {
		namespace := i.Service.Namespace()
		if g := b.groups[name]; g != nil {
			i = g.Arrange(i)
		}
		mode, _ := b.modes.For(namespace, i.Labels, i.AppPort)
		i.Plaintext = mode == mesh.Disable
	}
	return i
}

// whole is a resource with the routes of those that it delegates to. It is false where
// there is none, and of a delegate, which says nothing by itself.
func (b *Base) whole(key string) (config.Object, bool) {
	o, there := b.objects[key]
	if !there || o.IsDelegate() {
		return o, false
	}
	to := o.Delegates()
	if len(to) == 0 {
		return o, true
	}
	parts := []config.Object{o}
	for _, name := range to {
		if other, there := b.index.routers[name]; there && other != key {
			parts = append(parts, b.objects[other])
		}
	}
	for _, d := range config.Delegated(parts) {
		if d.Key() == o.Key() {
			return d, true
		}
	}
	return o, false
}

// workloads are the WorkloadEntries among the members of a service that a resource makes.
func (b *Base) workloads(name mesh.ServiceName, o config.Object) (keys []string) {
	for _, g := range o.Groups() {
		if g.Name != name || len(g.Selector) == 0 {
			continue
		}
		for key := range b.index.workloads[g.Namespace] {
			if w := b.objects[key]; g.Selects(w.Namespace, w.WorkloadEntry.Labels) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
