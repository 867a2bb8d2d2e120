package upstream

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/breaker"
	"github.com/sightline-mesh/sightline/proxy/outlier"
)

// Deps is what a Set uses of its surroundings. Every field may be nil.
type Deps struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Locality and Labels are this sidecar's own; empty where they are not known.
	Locality mesh.Locality
	Labels   map[string]string
	// OnRemove is told of each instance that is no longer pushed, once nothing new
	// can be sent to it. Requests under way may still be.
	OnRemove func(*Instance)
	// OnLimits is told of each instance whose limits have changed: connections that were
	// made under the old ones are to be given up.
	OnLimits func(*Instance)
	// OnChange is told of every change of an instance's breaker, and of outlier detection
	// as if it were one. It must be quick and must not call the Set.
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
	gone      map[destination]bool // groups that are not in the newest update; see keep
	services  map[portOf]*service
}

// portOf is a service at one of its ports, by its group.
type portOf struct {
	service mesh.ServiceName
	port    uint16
}

// New makes an empty set.
func New(d Deps) *Set {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.OnRemove == nil {
		d.OnRemove = func(*Instance) {}
	}
	if d.OnLimits == nil {
		d.OnLimits = func(*Instance) {}
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
		gone:      make(map[destination]bool),
		services:  make(map[portOf]*service, len(snaps)),
	}
	var changed []*Instance
	for i := range snaps {
		if !snaps[i].Known {
			continue
		}
		for _, port := range append([]uint16{0}, snaps[i].Groups()...) {
			u := update{set: s, old: old, next: next, snap: &snaps[i], port: port, scopes: make(map[string]*scope)}
			u.run()
			changed = append(changed, u.changed...)
		}
	}
	keep(old, next)
	s.view.Store(next)
	for k, i := range old.instances {
		if next.instances[k] != i {
			i.leave()
			s.deps.OnRemove(i)
		}
	}
	for _, i := range changed {
		s.deps.OnLimits(i)
	}
}

// keep carries groups that are gone into one more view: routes are swapped after the
// instances, and until then the old ones still choose from them.
func keep(old, next *view) {
	for d, g := range old.groups {
		if next.groups[d] == nil && !old.gone[d] {
			next.groups[d], next.gone[d] = g, true
		}
	}
}

// leave takes an instance that is no longer pushed out of what it shares with others.
func (i *Instance) leave() {
	i.service.guard.release(i)
	if m := i.terms.Load().member; m != nil {
		m.Detector().Remove(m)
	}
	i.service.generation.Add(1)
}

// update is the part of an Update that is about one port of a service.
type update struct {
	set       *Set
	old, next *view
	snap      *mesh.Snapshot
	port      uint16 // its group
	service   *service
	joined    bool // the service was known before: who is new joins others
	scopes    map[string]*scope
	changed   []*Instance // whose limits have
}

func (u *update) run() {
	at := portOf{u.snap.Service, u.port}
	u.service, u.joined = u.old.services[at], true
	if u.service == nil {
		u.service, u.joined = newService(u.next.services[portOf{service: u.snap.Service}]), false
	}
	u.next.services[at] = u.service
	now := u.set.deps.Now()
	var ready []*Instance
	infos := make(map[*Instance]*mesh.Instance, len(u.snap.Instances))
	able := 0
	for n := range u.snap.Instances {
		info := &u.snap.Instances[n]
		port, ok := u.snap.PortAt(info, u.port)
		if !ok {
			continue
		}
		i := u.instance(info, port)
		infos[i] = info
		t := u.terms(i, info, port.Protocol)
		i.terms.Store(t)
		if info.State != mesh.Ready {
			continue
		}
		ready = append(ready, i)
		if v := t.verdict(now); v == nil || admitted(v) > 0 {
			able++
		}
	}
	u.service.guard.set(able)
	u.groups(ready, infos)
	u.service.generation.Add(1)
}

// terms is what the snapshot says of an instance, which speaks a protocol.
func (u *update) terms(i *Instance, info *mesh.Instance, spoken mesh.AppProtocol) *terms {
	name, p := scopeOf(u.snap, info, u.port)
	sc := u.scopes[name]
	if sc == nil {
		sc = u.service.scope(name, &p, u.set.deps.Now)
		u.scopes[name] = sc
	}
	t := &terms{
		state: info.State, verdicts: verdictsAbout(u.snap.Verdicts, info), limits: p.Limits,
		labels: info.Labels, locality: info.Locality, scope: sc, check: p.HealthCheck,
		// To a sidecar bytes alone cannot say which port they are for.
		plain:  (i.Port == 0 || info.Bare()) && plaintext(p.MTLS, info),
		ported: len(u.snap.Ports) > 0, protocol: spoken,
	}
	t.tls = originates(&p, t.plain, info)
	if p.HealthCheck != nil {
		at, ok := u.snap.Group(p.HealthCheck.Port)
		t.checked = ok && at == u.port
	}
	old := i.terms.Load()
	if old != nil && (old.scope != sc || !sameConnections(old, t)) {
		u.changed = append(u.changed, i)
	}
	t.member = u.member(i, old, t)
	if p.Outlier != nil {
		t.errors = p.Outlier.ErrorCodes
	}
	if p.HealthCheck == nil {
		i.health.Store(nil)
	}
	return t
}

// member is the instance's membership of its detector; nil without one.
func (u *update) member(i *Instance, old, t *terms) (m *outlier.Member) {
	var before *outlier.Member
	if old != nil {
		before = old.member
	}
	detector := t.scope.detector
	if t.state != mesh.Ready {
		detector = nil // it does not count among those that may be taken out
	}
	switch {
	case before != nil && before.Detector() == detector:
		m = before
	case detector != nil:
		m = detector.Add(func(c outlier.Change) { u.set.outlierChanged(i, c) })
	}
	if before != nil && before != m {
		before.Detector().Remove(before)
	}
	return m
}

func (s *Set) outlierChanged(i *Instance, c outlier.Change) {
	i.service.generation.Add(1)
	change := breaker.Change{From: breaker.Admitting, To: breaker.Tripped, At: c.At, Reason: c.Reason, Until: c.Until}
	if !c.Out {
		change.From, change.To = breaker.Tripped, breaker.Admitting
		i.load.Forget(c.At) // what it was like before it failed says nothing now
	}
	s.deps.OnChange(i, change)
}

// groups makes the groups of the service and of its subsets.
func (u *update) groups(ready []*Instance, infos map[*Instance]*mesh.Instance) {
	u.group("", basePolicy(u.snap, u.port), ready)
	for n := range u.snap.Subsets {
		sub := &u.snap.Subsets[n]
		var members []*Instance
		for _, i := range ready {
			if carries(infos[i], sub.Labels) {
				members = append(members, i)
			}
		}
		u.group(sub.Name, subsetPolicy(u.snap, sub, u.port), members)
	}
}

func (u *update) group(subset string, p mesh.Policy, members []*Instance) {
	d := destination{u.snap.Service, subset, u.port}
	g := &group{name: d, service: u.service, policy: p}
	u.next.groups[d] = u.set.regroup(u.old.groups[d], g, members)
}

// instance is the one that is known, or a new one.
func (u *update) instance(info *mesh.Instance, port mesh.Port) *Instance {
	if u.port == 0 {
		port.Number = 0
	}
	number, k := port.Number, keyOf(info, port)
	if i := u.old.instances[k]; i != nil && i.service == u.service {
		u.next.instances[k] = i
		return i
	}
	s := u.set
	i := &Instance{Info: *info, Port: number, group: u.port, service: u.service, load: balance.NewLoad(s.deps.Now())}
	if number != 0 {
		i.Info.AppPort, i.Info.AppProtocol = number, port.Protocol
	}
	if u.joined {
		i.load.Warm(s.deps.Now())
	}
	i.breaker = breaker.New(breaker.Config{}, breaker.Deps{
		Now:   s.deps.Now,
		Allow: func() bool { return i.service.guard.allow(i) },
		Changed: func(c breaker.Change) {
			i.service.generation.Add(1)
			if c.To == breaker.Admitting {
				i.service.guard.release(i)
				i.load.Forget(c.At)
			}
			s.deps.OnChange(i, c)
		},
	})
	u.next.instances[k] = i
	return i
}
