package controlplane

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
)

// ownProxies are the sidecars that have their stream here.
func (p *plane) ownProxies() []mesh.ProxyStatus {
	var out []mesh.ProxyStatus
	for _, s := range p.hub.Proxies() {
		if s.Connected {
			s.ControlPlane = p.replicas.own
			out = append(out, s)
		}
	}
	return out
}

// proxies is how every sidecar of the mesh stands, wherever it has its stream. One whose
// control plane does not answer is shown as such. With them come the instances that have
// no sidecar here, by their Origin.
func (p *plane) proxies(ctx context.Context, own bool) ([]mesh.ProxyStatus, error) { //nolint:revive // the API's own flag
	if own {
		return p.ownProxies(), nil
	}
	streams, err := p.registry.Streams(ctx)
	if err != nil {
		return nil, err
	}
	peers, err := p.replicas.peers(ctx)
	if err != nil {
		return nil, err
	}
	all := map[mesh.InstanceID]mesh.ProxyStatus{}
	for _, s := range p.hub.Proxies() {
		if s.Connected {
			s.ControlPlane = p.replicas.own
		}
		all[s.Instance.ID] = s
	}
	silent := gatherProxies(ctx, all, peers, streams)
	for id, s := range all {
		if why, unknown := silent[streams[id].Replica]; unknown && s.ControlPlane != streams[id].Replica {
			s.Connected, s.ControlPlane, s.Unknown = false, streams[id].Replica, why
			all[id] = s
		}
	}
	if err := p.clocks(ctx, all); err != nil {
		return nil, err
	}
	p.others(all)
	return slices.SortedFunc(maps.Values(all), func(a, b mesh.ProxyStatus) int {
		return cmp.Or(cmp.Compare(a.Instance.Service, b.Instance.Service), cmp.Compare(a.Instance.ID, b.Instance.ID))
	}), nil
}

// others adds who is told of by others than a sidecar of this mesh.
func (p *plane) others(all map[mesh.InstanceID]mesh.ProxyStatus) {
	for _, s := range p.snapshots() {
		for _, i := range s.Instances {
			if i.Origin != "" {
				all[i.ID] = mesh.ProxyStatus{Instance: i, Subscribed: []string{}}
			}
		}
	}
}

// clocks adds how clocks go: of all that are connected here, and elsewhere of those that go
// wrong. A sidecar may have its two streams at two control planes.
func (p *plane) clocks(ctx context.Context, all map[mesh.InstanceID]mesh.ProxyStatus) error {
	sums, err := p.holders.All(ctx)
	if err != nil {
		return err
	}
	holders := p.holders.List()
	for _, s := range sums {
		holders = append(holders, s.Skewed...)
	}
	for _, h := range holders {
		if s, ok := all[h.Instance]; ok && s.Connected && s.Instance.Identity == h.Identity {
			s.ClockAheadMs = h.ClockAheadMs
			all[h.Instance] = s
		}
	}
	return nil
}

// gatherProxies adds what the others know, and says which of them did not answer.
func gatherProxies(ctx context.Context, all map[mesh.InstanceID]mesh.ProxyStatus, peers map[string]*admin.Client, streams map[mesh.InstanceID]registry.Stream) map[string]string {
	silent := map[string]string{}
	askEach(ctx, peers, (*admin.Client).OwnProxies, func(id string, theirs []mesh.ProxyStatus, err error) {
		if err != nil {
			silent[id] = fmt.Sprintf("control plane %s does not answer: %v", id, err)
		}
		for _, s := range theirs {
			known := all[s.Instance.ID]
			if !known.Connected || streams[s.Instance.ID].Replica == id {
				if known.Instance.State != "" {
					s.Instance.State = known.Instance.State
				}
				all[s.Instance.ID] = s
			}
		}
	})
	return silent
}
