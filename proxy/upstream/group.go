package upstream

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
)

// destination names a group: a service, or a subset of one, at one of its ports.
type destination struct {
	service mesh.ServiceName
	subset  string
	port    uint16 // its group; 0 is the first of each instance
}

// group is what one destination chooses from. It is made anew by each update, but
// for what it counts.
type group struct {
	name    destination
	service *service
	policy  mesh.Policy
	size    int // instances that are ready
	parts   []*part
	limits  *limits

	choice atomic.Pointer[choice]
	mu     sync.Mutex // held by who makes a new choice
}

// part is a band with what chooses among its members.
type part struct {
	band

	balancer *balance.Balancer
	names    []string      // of the members; with a table
	table    balance.Table // with consistent hashing
}

// regroup is a group of these members that goes on where the old one, if there is
// one, left off.
func (s *Set) regroup(old *group, g *group, members []*Instance) *group {
	g.size = len(members)
	g.limits = &limits{}
	if old != nil {
		g.limits = old.limits
	}
	g.limits.set(&g.policy, s.deps.Now)
	for _, b := range s.bands(&g.policy, members) {
		p := &part{band: b}
		p.inherit(old, g)
		g.parts = append(g.parts, p)
	}
	return g
}

// inherit takes over what the old group has for the same band, if it still fits.
func (p *part) inherit(old, g *group) {
	before := alike(old, g, p.name)
	if before != nil {
		p.balancer = before.balancer
	} else {
		p.balancer = balance.New(method(g.policy.LoadBalancer), warmup(g.policy.Warmup))
	}
	if g.policy.Hash == nil {
		return
	}
	for _, i := range p.members {
		p.names = append(p.names, i.Info.Address.String())
	}
	switch {
	case before != nil && before.table != nil && slices.Equal(before.names, p.names):
		p.table = before.table
	case g.policy.LoadBalancer == mesh.Maglev:
		p.table = balance.NewMaglev(p.names, hashSize(g))
	default:
		p.table = balance.NewRing(p.names, hashSize(g))
	}
}

// alike is the part of a name that the old group has, if it chooses as g does; else nil.
func alike(old, g *group, name string) *part {
	if old == nil || old.policy.LoadBalancer != g.policy.LoadBalancer || hashSize(old) != hashSize(g) || !equal(old.policy.Warmup, g.policy.Warmup) {
		return nil
	}
	if at := slices.IndexFunc(old.parts, func(o *part) bool { return o.name == name }); at >= 0 {
		return old.parts[at]
	}
	return nil
}

func hashSize(g *group) int {
	if g.policy.Hash == nil {
		return 0
	}
	return g.policy.Hash.Size
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// offer is what may be chosen now. It waits for nobody: while another makes a new
// choice, the old one still does.
func (g *group) offer(now time.Time) *choice {
	c := g.choice.Load()
	if c != nil && c.fresh(g, now) {
		return c
	}
	if c == nil {
		g.mu.Lock()
	} else if !g.mu.TryLock() {
		return c
	}
	defer g.mu.Unlock()
	if c = g.choice.Load(); c != nil && c.fresh(g, now) {
		return c
	}
	c = g.consider(now)
	g.choice.Store(c)
	return c
}
