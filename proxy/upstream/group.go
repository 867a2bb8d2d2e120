package upstream

import (
	"sync/atomic"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
)

// destination names a group: a service, or a subset of one.
type destination struct {
	service mesh.ServiceName
	subset  string
}

// group is what one destination chooses from. It is made anew by each update, but
// for what it counts.
type group struct {
	members  []*Instance // that are ready
	balancer *balance.Balancer
	method   balance.Method
	limits   mesh.Limits
	count    *counters
	gone     bool // not in the newest update; see keep
}

// counters outlive updates.
type counters struct{ inFlight, retries atomic.Int64 }

// enter counts a request in that was tried so many times before, unless a limit of
// the policy is reached.
func (g *group) enter(tries int) bool {
	if !within(&g.count.inFlight, g.limits.Requests) {
		return false
	}
	if tries > 0 && !within(&g.count.retries, g.limits.Retries) {
		g.count.inFlight.Add(-1)
		return false
	}
	return true
}

func (g *group) leave(tries int) {
	g.count.inFlight.Add(-1)
	if tries > 0 {
		g.count.retries.Add(-1)
	}
}

// within adds one to n unless that would exceed a limit above 0.
func within(n *atomic.Int64, limit int) bool {
	if n.Add(1) > int64(limit) && limit > 0 {
		n.Add(-1)
		return false
	}
	return true
}

// regroup is a group of these members that goes on where the old one, if there is
// one, left off.
func regroup(old *group, p mesh.Policy, members []*Instance) *group {
	g := &group{members: members, limits: p.Limits, method: method(p.LoadBalancer)}
	if old != nil {
		g.count = old.count
	} else {
		g.count = &counters{}
	}
	if old != nil && old.method == g.method {
		g.balancer = old.balancer
	} else {
		g.balancer = balance.New(g.method)
	}
	return g
}
