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
