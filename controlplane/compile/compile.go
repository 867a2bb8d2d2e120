// Package compile turns what people wrote, what runs and what was decided into the
// snapshots that sidecars are sent. It is pure: the same input gives the same
// output, in the same order, and nothing that was handed in is changed.
package compile

import (
	"cmp"
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
	b := builder{version: version, snaps: make(map[mesh.ServiceName]*mesh.Snapshot)}
	sorted := slices.SortedFunc(slices.Values(objs), func(x, y config.Object) int { return cmp.Compare(x.Key(), y.Key()) })
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
		}
	}
	for _, i := range slices.SortedFunc(slices.Values(instances), byID) {
		s := b.known(i.Service)
		if i.State == mesh.Ready || i.State == mesh.Draining {
			s.Instances = append(s.Instances, i)
		}
	}
	for _, v := range slices.SortedFunc(slices.Values(verdicts), func(x, y mesh.Verdict) int { return cmp.Compare(x.ID, y.ID) }) {
		if v.Phase != mesh.Released {
			s := b.known(v.Target.Service)
			s.Verdicts = append(s.Verdicts, v)
		}
	}
	out := make(map[mesh.ServiceName]mesh.Snapshot, len(b.snaps))
	for name, s := range b.snaps {
		out[name] = *s
	}
	return out
}

func byID(x, y mesh.Instance) int { return cmp.Compare(x.ID, y.ID) }

// Reuse gives each snapshot of next that says the same as before its earlier
// version, so that only services that changed are sent again. It returns next.
func Reuse(before, next map[mesh.ServiceName]mesh.Snapshot) map[mesh.ServiceName]mesh.Snapshot {
	for name, n := range next {
		b, ok := before[name]
		if !ok {
			continue
		}
		same := n
		same.Version = b.Version
		if reflect.DeepEqual(b, same) {
			next[name] = b
		}
	}
	return next
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
	version uint64
	snaps   map[mesh.ServiceName]*mesh.Snapshot
}

// named is the snapshot of a service that something names.
func (b *builder) named(s mesh.ServiceName) *mesh.Snapshot {
	snap, ok := b.snaps[s]
	if !ok {
		snap = &mesh.Snapshot{Service: s, Version: b.version}
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
