package upstream

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/breaker"
)

// Deps is what a Set uses of its surroundings. Every field may be nil.
type Deps struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// OnRemove is told of each instance that is no longer pushed, once nothing new
	// can be sent to it. Requests under way may still be.
	OnRemove func(*Instance)
	// OnChange is told of every change of an instance's breaker. It must be quick and
	// must not call the Set.
	OnChange func(*Instance, breaker.Change)
}

// Set is every known instance of every known service. Its methods may be called
// from any goroutine.
type Set struct {
	deps Deps
	turn atomic.Uint64 // of the next choice among weighted destinations
	mu   sync.Mutex    // held by Update
	view atomic.Pointer[view]
}

// view is the state that one update made. It is never changed.
type view struct {
	instances map[key]*Instance
	groups    map[destination]*group
	guards    map[mesh.ServiceName]*guard
}

// New makes an empty set.
func New(d Deps) *Set {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.OnRemove == nil {
		d.OnRemove = func(*Instance) {}
	}
	if d.OnChange == nil {
		d.OnChange = func(*Instance, breaker.Change) {}
	}
	s := &Set{deps: d}
	s.turn.Store(rand.Uint64()) // sidecars that start together are at different turns
	s.view.Store(&view{})
	return s
}

// Update makes the set what the snapshots say. They are expected to be consistent,
// as route.Compile checks. What is known of an instance stays with it.
func (s *Set) Update(snaps []mesh.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.view.Load()
	next := &view{
		instances: make(map[key]*Instance, len(old.instances)),
		groups:    make(map[destination]*group, len(old.groups)),
		guards:    make(map[mesh.ServiceName]*guard, len(snaps)),
	}
	for i := range snaps {
		if snaps[i].Known {
			s.service(old, next, &snaps[i])
		}
	}
	keep(old, next)
	s.view.Store(next)
	for k, i := range old.instances {
		if next.instances[k] != i {
			i.guard.release(i)
			s.deps.OnRemove(i)
		}
	}
}

func (s *Set) service(old, next *view, snap *mesh.Snapshot) {
	g := old.guards[snap.Service]
	if g == nil {
		g = newGuard()
	}
	next.guards[snap.Service] = g
	now := s.deps.Now()
	var ready []*Instance
	able := 0
	for n := range snap.Instances {
		info := &snap.Instances[n]
		i := s.instance(old, g, info)
		p := policyOf(snap, info)
		i.breaker.Configure(breakerConfig(p.Outlier))
		t := &terms{state: info.State, verdicts: verdictsAbout(snap.Verdicts, info), limits: p.Limits}
		i.terms.Store(t)
		next.instances[keyOf(info)] = i
		if info.State != mesh.Ready {
			continue
		}
		ready = append(ready, i)
		if t.share(now) > 0 {
			able++
		}
	}
	percent := 0
	if snap.Policy.Outlier != nil {
		percent = snap.Policy.Outlier.MaxEjectedPercent
	}
	g.set(able, percent)
	groups(old, next, snap, ready)
}

// keep carries groups that are gone into one more view: routes are swapped after the
// instances, and until then the old ones still choose from them.
func keep(old, next *view) {
	for d, g := range old.groups {
		if next.groups[d] == nil && !g.gone {
			last := *g
			last.gone = true
			next.groups[d] = &last
		}
	}
}

// groups makes the groups of a service and of its subsets.
func groups(old, next *view, snap *mesh.Snapshot, ready []*Instance) {
	all := destination{service: snap.Service}
	next.groups[all] = regroup(old.groups[all], snap.Policy, ready)
	infos := make(map[*Instance]*mesh.Instance, len(ready))
	for n := range snap.Instances {
		infos[next.instances[keyOf(&snap.Instances[n])]] = &snap.Instances[n]
	}
	for n := range snap.Subsets {
		sub := &snap.Subsets[n]
		var members []*Instance
		for _, i := range ready {
			if carries(infos[i], sub.Labels) {
				members = append(members, i)
			}
		}
		d := destination{service: snap.Service, subset: sub.Name}
		next.groups[d] = regroup(old.groups[d], merge(snap.Policy, sub.Policy), members)
	}
}

// instance is the one that is known, or a new one.
func (s *Set) instance(old *view, g *guard, info *mesh.Instance) *Instance {
	if i := old.instances[keyOf(info)]; i != nil && i.guard == g {
		return i
	}
	i := &Instance{Info: *info, guard: g, load: balance.NewLoad(s.deps.Now())}
	i.breaker = breaker.New(breaker.Config{}, breaker.Deps{
		Now:   s.deps.Now,
		Allow: func() bool { return g.allow(i) },
		Changed: func(c breaker.Change) {
			if c.To == breaker.Admitting {
				g.release(i)
				i.load.Forget(c.At) // what it was like before it failed says nothing now
			}
			s.deps.OnChange(i, c)
		},
	})
	return i
}
