package compile

import (
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// index finds resources, by their keys, by what they speak of.
type index struct {
	about      map[mesh.ServiceName]keySet
	routers    map[string]string // VirtualServices by "namespace/name"
	delegators map[string]keySet // those that delegate to one of that name
	selectors  map[string]keySet // those that make groups with a selector, by namespace
	workloads  map[string]keySet // WorkloadEntries by namespace
	peers      keySet            // PeerAuthentications
}

type keySet map[string]struct{}

func newIndex() index {
	return index{
		about: map[mesh.ServiceName]keySet{}, routers: map[string]string{}, delegators: map[string]keySet{},
		selectors: map[string]keySet{}, workloads: map[string]keySet{}, peers: keySet{},
	}
}

func (x *index) put(key string, o config.Object) {
	if o.VirtualService != nil {
		x.routers[o.Namespace+"/"+o.Name] = key
	}
	if o.PeerAuthentication != nil {
		x.peers[key] = struct{}{}
	}
	for _, to := range o.Delegates() {
		enter(x.delegators, to, key)
	}
	if shapes(o) {
		for _, name := range o.Hosts() {
			enter(x.about, name, key)
		}
	}
	if selects(o) {
		enter(x.selectors, o.Namespace, key)
	}
	if o.WorkloadEntry != nil {
		enter(x.workloads, o.Namespace, key)
	}
}

func (x *index) remove(key string, o config.Object) {
	if o.VirtualService != nil {
		delete(x.routers, o.Namespace+"/"+o.Name)
	}
	delete(x.peers, key)
	for _, to := range o.Delegates() {
		strike(x.delegators, to, key)
	}
	if shapes(o) {
		for _, name := range o.Hosts() {
			strike(x.about, name, key)
		}
	}
	strike(x.selectors, o.Namespace, key)
	strike(x.workloads, o.Namespace, key)
}

func enter[K comparable](sets map[K]keySet, at K, key string) {
	if sets[at] == nil {
		sets[at] = keySet{}
	}
	sets[at][key] = struct{}{}
}

func strike[K comparable](sets map[K]keySet, at K, key string) {
	if delete(sets[at], key); len(sets[at]) == 0 {
		delete(sets, at)
	}
}

// shapes reports whether a resource says something of how services are called.
func shapes(o config.Object) bool {
	return o.VirtualService != nil || o.DestinationRule != nil || o.HealthCheck != nil || o.Hedge != nil ||
		o.ServiceEntry != nil || o.Service != nil || o.GatewayRoute != nil
}

// selects reports whether a resource makes services of workloads by their labels.
func selects(o config.Object) bool {
	for _, g := range o.Groups() {
		if len(g.Selector) > 0 {
			return true
		}
	}
	return false
}

// Governs reports whether a resource says something of what workloads let in, tell or see.
func Governs(o config.Object) bool {
	return o.AuthorizationPolicy != nil || o.RequestAuthentication != nil || o.PeerAuthentication != nil ||
		o.RateLimit != nil || o.Telemetry != nil || o.TraceSampling != nil || o.Sidecar != nil ||
		o.ServiceEntry != nil && len(o.ServiceEntry.Onward) > 0
}
