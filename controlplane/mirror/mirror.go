// Package mirror keeps a decoded copy of what the store holds of the mesh, brought up
// to date by the store's own changes, and compiles of it what those changes touch: the
// cost of a change grows with what it changes, not with the mesh.
package mirror

import (
	"context"
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// Tables are those a mirror is told of.
var Tables = []string{store.Resources, store.Instances, store.Verdicts, store.Settings}

// Mirror is the copy. Its methods may be called from any goroutine; Load from one at
// a time.
type Mirror struct {
	primed chan struct{} // closed by the first Tell
	prime  func()
	domain string // the mesh's trust domain

	mu      sync.Mutex // guards what follows
	copy    tables
	changes changes // since the last Load that succeeded

	// Owned by Load.
	base compile.Base
	last hub.State // the version of it is 0 before the first
}

// changes are what was touched, and when the first of it was.
type changes struct {
	services   map[mesh.ServiceName]time.Time
	configured time.Time // resources or settings; zero is not touched
	revision   int64
}

// New makes a mirror of a mesh of that trust domain. It holds nothing before Tell.
func New(trustDomain string) *Mirror {
	primed := make(chan struct{})
	return &Mirror{
		primed:  primed,
		prime:   sync.OnceFunc(func() { close(primed) }),
		domain:  trustDomain,
		copy:    newTables(),
		changes: changes{services: map[mesh.ServiceName]time.Time{}},
	}
}

// News is how a batch matters to who serves the state.
type News int

// A verdict is there to stop failures, so it does not wait for company.
const (
	Nothing News = iota
	Ordinary
	Urgent
)

// Tell brings the copy up to date. Batches come in order.
func (m *Mirror) Tell(b store.Batch) News {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes.revision = b.Revision
	defer m.prime()
	before := m.copy
	if b.Whole {
		m.copy = newTables()
		m.changes.configured = first(m.changes.configured, b.Seen)
	}
	news := Nothing
	for _, c := range b.Changes {
		news = max(news, m.tell(c, b.Seen))
	}
	if b.Whole {
		m.copy.carry(before)
		return Urgent
	}
	return news
}

// Unreadable is every stored value that cannot be read, and what holds in its place: what
// was read of it last, or of a policy that was never read what config.StandIn says.
func (m *Mirror) Unreadable() []mesh.Unreadable {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copy.unreadable()
}

// Holdings are how much a mirror holds.
type Holdings struct {
	Resources map[string]int // by kind
	Instances map[mesh.InstanceState]int
	Verdicts  map[mesh.Phase]int
	Services  int // with instances

	Unreadable int // stored values of these tables that cannot be read
}

// Holdings are counted at the moment.
func (m *Mirror) Holdings() Holdings {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Holdings{
		Resources: map[string]int{}, Instances: map[mesh.InstanceState]int{}, Verdicts: map[mesh.Phase]int{},
		Services: len(m.copy.members), Unreadable: len(m.copy.unreadable()),
	}
	for _, r := range m.copy.resources {
		out.Resources[r.Kind]++
	}
	for _, i := range m.copy.instances {
		out.Instances[i.State]++
	}
	for _, v := range m.copy.verdicts {
		out.Verdicts[v.Phase]++
	}
	return out
}

// Load waits until there is a copy, and is the state of the moment. A value that cannot
// be read does not hold the others up: see Unreadable.
func (m *Mirror) Load(ctx context.Context) (hub.State, error) {
	select {
	case <-m.primed:
	case <-ctx.Done():
		return hub.State{}, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock() // what is compiled is small, and nobody but Tell waits
	next := m.last
	next.Version, next.Built = uint64(m.changes.revision), time.Now()
	if m.changes.configured.IsZero() {
		m.compileTouched(&next)
	} else {
		m.compileAll(&next)
	}
	m.last = next
	m.changes = changes{services: map[mesh.ServiceName]time.Time{}, revision: m.changes.revision}
	return next, nil
}

func (m *Mirror) tell(c store.Change, seen time.Time) News {
	switch c.Table {
	case store.Instances:
		m.touch(seen, m.copy.instance(c)...)
		return Ordinary
	case store.Verdicts:
		m.touch(seen, m.copy.verdict(c)...)
		return Urgent
	case store.Resources:
		m.copy.resource(c)
	case store.Settings:
		m.copy.setting(c)
	default:
		return Nothing
	}
	m.changes.configured = first(m.changes.configured, seen)
	return Ordinary
}

func (m *Mirror) touch(seen time.Time, services ...mesh.ServiceName) {
	for _, s := range services {
		m.changes.services[s] = first(m.changes.services[s], seen)
	}
}

// compileTouched makes the snapshots of the services that were touched anew.
func (m *Mirror) compileTouched(next *hub.State) {
	next.Changed = map[mesh.ServiceName]time.Time{}
	if len(m.changes.services) == 0 {
		return
	}
	next.Snapshots = maps.Clone(next.Snapshots)
	next.Instances = m.copy.all()
	for name, at := range m.changes.services {
		m.compile(next, name)
		if !compile.Same(m.last.Snapshots, next.Snapshots, name) {
			next.Changed[name] = at
		}
	}
}

func (m *Mirror) compile(next *hub.State, name mesh.ServiceName) {
	s, ok := m.base.Service(name, m.copy.members[name], m.copy.judged(name))
	if !ok {
		delete(next.Snapshots, name)
		return
	}
	s.Version = next.Version
	next.Snapshots[name] = compile.Kept(m.last.Snapshots, s)
}

// compileAll starts from the resources, which may speak of any service.
func (m *Mirror) compileAll(next *hub.State) {
	objects := m.copy.objects()
	m.base = compile.Configured(objects, m.domain)
	m.copy.regroup(m.base.Of)
	next.Policies = compile.InboundPolicies(objects).With(m.copy.settings.PathNormalization)
	next.Instances = m.copy.all()
	next.Snapshots = make(map[mesh.ServiceName]mesh.Snapshot, len(m.last.Snapshots))
	for name := range m.copy.spokenOf(m.base) {
		m.compile(next, name)
	}
	next.Changed = map[mesh.ServiceName]time.Time{}
	for _, names := range []iter.Seq[mesh.ServiceName]{maps.Keys(m.last.Snapshots), maps.Keys(next.Snapshots)} {
		for name := range names {
			if !compile.Same(m.last.Snapshots, next.Snapshots, name) {
				next.Changed[name] = first(m.changes.services[name], m.changes.configured)
			}
		}
	}
}

// first is the earlier of two times, of which the zero one counts for none.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
