// Package compile turns what people wrote, what runs and what was decided into the
// snapshots that sidecars are sent. It is pure: the same input gives the same
// output, in the same order, and nothing that was handed in is changed.
package compile

import (
	"cmp"
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Snapshots builds one snapshot for every service that has an instance, a verdict
// or a resource, and for every service a route names; all carry the version. A
// service that only a route names is in it as not known. Instances that are not
// ready to be called are left out, draining ones stay with their state, so that
// sidecars end their requests to them in order.
func Snapshots(objs []config.Object, instances []mesh.Instance, verdicts []mesh.Verdict, version uint64) map[mesh.ServiceName]mesh.Snapshot {
	base := Configured(objs, "")
	running := map[mesh.ServiceName][]mesh.Instance{}
	for _, i := range slices.SortedFunc(slices.Values(instances), byID) {
		for _, s := range base.Of(&i) {
			running[s] = append(running[s], i)
		}
	}
	judged := map[mesh.ServiceName][]mesh.Verdict{}
	for _, v := range verdicts {
		judged[v.Target.Service] = append(judged[v.Target.Service], v)
	}
	out := make(map[mesh.ServiceName]mesh.Snapshot, len(base.snaps))
	for _, names := range []iter.Seq[mesh.ServiceName]{base.Names(), maps.Keys(running), maps.Keys(judged)} {
		for name := range names {
			if s, ok := base.Service(name, running[name], judged[name]); ok {
				s.Version = version
				out[name] = s
			}
		}
	}
	return out
}

// Base is what resources say of each service, before anything runs. It is read-only.
type Base struct {
	snaps  map[mesh.ServiceName]mesh.Snapshot
	modes  config.PeerModes
	groups map[mesh.ServiceName]*config.Service
	names  map[string][]mesh.ServiceName // of groups by their namespace, in order
}

// Names are the services that resources speak of.
func (b Base) Names() iter.Seq[mesh.ServiceName] { return maps.Keys(b.snaps) }

// Of are the services that an instance belongs to: its own, and the Services that select
// it. What is told of by others than its sidecar belongs where those say.
func (b Base) Of(i *mesh.Instance) []mesh.ServiceName {
	out := []mesh.ServiceName{i.Service}
	if i.Origin != "" {
		return out
	}
	for _, name := range b.names[i.Service.Namespace()] {
		if name != i.Service && b.groups[name].Selects(i.Service.Namespace(), i.Labels) {
			out = append(out, name)
		}
	}
	return out
}

// Configured is the base of these resources, in a mesh of that trust domain.
func Configured(objs []config.Object, trustDomain string) Base {
	b := builder{snaps: make(map[mesh.ServiceName]*mesh.Snapshot)}
	sorted := slices.SortedFunc(slices.Values(config.Delegated(objs)), func(x, y config.Object) int { return cmp.Compare(x.Key(), y.Key()) })
	for _, o := range sorted {
		switch {
		case o.VirtualService != nil:
			b.virtualService(o)
		case o.DestinationRule != nil:
			b.destinationRule(o)
		case o.HealthCheck != nil: // sorts behind every DestinationRule, which sets the whole policy
			check := o.HealthCheck.Check
			b.known(o.HealthCheck.Service).Policy.HealthCheck = &check
		case o.Hedge != nil:
			h := o.Hedge.Hedge
			b.known(o.Hedge.Service).Hedge = &h
		case o.Service != nil, o.ServiceEntry != nil:
			for _, name := range o.Hosts() {
				b.known(name)
			}
		}
	}
	b.gatewayRoutes(sorted)
	for _, i := range config.EntryInstances(sorted, trustDomain) {
		s := b.known(i.Service)
		s.Instances = append(s.Instances, i)
	}
	out := Base{snaps: make(map[mesh.ServiceName]mesh.Snapshot, len(b.snaps)), modes: config.NewPeerModes(objs)}
	out.group(sorted)
	for name, s := range b.snaps {
		out.snaps[name] = *s
	}
	return out
}

// Service is the snapshot of one service, without a version: what its resources say,
// with its instances, which are in the order of their ids, and verdicts. It is false
// for a service that nobody speaks of.
func (b Base) Service(name mesh.ServiceName, instances []mesh.Instance, verdicts []mesh.Verdict) (mesh.Snapshot, bool) {
	s, ok := b.snaps[name]
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
	for _, v := range verdicts {
		if v.Phase != mesh.Released {
			s.Known = true
			s.Verdicts = append(s.Verdicts, v)
		}
	}
	slices.SortFunc(s.Verdicts, func(x, y mesh.Verdict) int { return cmp.Compare(x.ID, y.ID) })
	return s, ok || s.Known
}

func (b *Base) group(sorted []config.Object) {
	b.groups, b.names = map[mesh.ServiceName]*config.Service{}, map[string][]mesh.ServiceName{}
	for _, o := range sorted {
		for _, g := range o.Groups() {
			if b.groups[g.Name] != nil {
				continue // the first one: Validate has told of the other
			}
			b.groups[g.Name] = g
			if len(g.Selector) > 0 {
				b.names[g.Namespace] = append(b.names[g.Namespace], g.Name)
			}
		}
	}
}

// member is an instance as it belongs to a service.
func (b Base) member(name mesh.ServiceName, i mesh.Instance) mesh.Instance {
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

func byID(x, y mesh.Instance) int { return cmp.Compare(x.ID, y.ID) }

// Kept is next, or what was there before of its service if that says the same: it then
// keeps its earlier version, so that only services that changed are sent again.
func Kept(before map[mesh.ServiceName]mesh.Snapshot, next mesh.Snapshot) mesh.Snapshot {
	b, ok := before[next.Service]
	if !ok {
		return next
	}
	same := next
	same.Version = b.Version
	if reflect.DeepEqual(b, same) {
		return b
	}
	return next
}

// Same reports whether a service has one version, or none, in two sets.
func Same(a, b map[mesh.ServiceName]mesh.Snapshot, name mesh.ServiceName) bool {
	x, inA := a[name]
	y, inB := b[name]
	return inA == inB && x.Version == y.Version
}

// Closure is the consistent set for a sidecar that wants these services: theirs and
// those of every service that one of their routes names, however deep, sorted by
// name. A service that is not in all comes as not known, with version 0.
func Closure(all map[mesh.ServiceName]mesh.Snapshot, want []mesh.ServiceName) []mesh.Snapshot {
	picked := make(map[mesh.ServiceName]mesh.Snapshot, len(want))
	for queue := slices.Clone(want); len(queue) > 0; {
		name := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if _, done := picked[name]; done {
			continue
		}
		snap, ok := all[name]
		if !ok {
			snap = mesh.Snapshot{Service: name}
		}
		picked[name] = snap
		queue = append(queue, named(snap)...)
	}
	names := slices.Sorted(maps.Keys(picked))
	out := make([]mesh.Snapshot, len(names))
	for i, n := range names {
		out[i] = picked[n]
	}
	return out
}

// named are the services that the routes of a snapshot name.
func named(s mesh.Snapshot) (out []mesh.ServiceName) {
	for _, r := range s.Routes {
		for _, d := range r.Destinations {
			out = append(out, d.Service)
		}
		for _, m := range r.Mirrors {
			out = append(out, m.Service)
		}
	}
	for _, r := range s.Streams {
		for _, d := range r.Destinations {
			out = append(out, d.Service)
		}
	}
	return out
}

// SLOs are the objectives among the resources, sorted by namespace and name.
func SLOs(objs []config.Object) []mesh.SLO {
	var out []mesh.SLO
	for _, o := range objs {
		if o.SLO != nil {
			out = append(out, *o.SLO)
		}
	}
	slices.SortFunc(out, func(x, y mesh.SLO) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return out
}

type builder struct {
	snaps map[mesh.ServiceName]*mesh.Snapshot
}

// named is the snapshot of a service that something names.
func (b *builder) named(s mesh.ServiceName) *mesh.Snapshot {
	snap, ok := b.snaps[s]
	if !ok {
		snap = &mesh.Snapshot{Service: s}
		b.snaps[s] = snap
	}
	return snap
}

// known is the snapshot of a service that runs or is configured.
func (b *builder) known(s mesh.ServiceName) *mesh.Snapshot {
	snap := b.named(s)
	snap.Known = true
	return snap
}
