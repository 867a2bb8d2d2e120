package compile

import (
	"cmp"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// builder makes snapshots of what resources say.
type builder struct {
	snaps map[mesh.ServiceName]*mesh.Snapshot
}

// all takes in what resources say, in the order of their keys.
func (b *builder) all(objs []config.Object, trustDomain string) {
	slices.SortFunc(objs, func(x, y config.Object) int { return cmp.Compare(x.Key(), y.Key()) })
	for _, o := range objs {
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
			if o.ServiceEntry != nil { // sorts behind every DestinationRule
				b.names(o.ServiceEntry)
			}
		}
	}
	b.gatewayRoutes(objs)
	for _, i := range config.EntryInstances(objs, trustDomain) {
		s := b.known(i.Service)
		s.Instances = append(s.Instances, i)
	}
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
