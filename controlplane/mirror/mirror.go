// Package mirror keeps a decoded copy of what the store holds of the mesh, brought up
// to date by the store's own changes, and compiles of it what those changes touch: the
// cost of a change grows with what it changes, not with the mesh.
package mirror

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
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

	// Changed by Load alone.
	base     *compile.Base
	last     hub.State // the version of it is 0 before the first
	compiled uint64    // snapshots, by all Loads
}

// changes are what was touched, and when the first of it was.
type changes struct {
	all        bool // what was known before counts for nothing
	services   map[mesh.ServiceName]time.Time
	resources  map[string]struct{} // by key
	settings   bool
	configured time.Time // resources or settings; zero is not touched
	instances  bool      // some came, went or are others
	revision   int64
}

func newChanges(revision int64) changes {
	return changes{services: map[mesh.ServiceName]time.Time{}, resources: map[string]struct{}{}, revision: revision}
}

// New makes a mirror of a mesh of that trust domain. It holds nothing before Tell.
func New(trustDomain string) *Mirror {
	primed := make(chan struct{})
	return &Mirror{
		primed:  primed,
		prime:   sync.OnceFunc(func() { close(primed) }),
		domain:  trustDomain,
		copy:    newTables(),
		changes: newChanges(0),
		base:    compile.NewBase(trustDomain),
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
		m.changes.all = true
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
	Services  int    // with instances
	Compiled  uint64 // snapshots of services, since the start

	Unreadable int // stored values of these tables that cannot be read
}

// Holdings are counted at the moment.
func (m *Mirror) Holdings() Holdings {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Holdings{
		Resources: map[string]int{}, Instances: map[mesh.InstanceState]int{}, Verdicts: map[mesh.Phase]int{},
		Services: len(m.copy.members), Compiled: m.compiled, Unreadable: len(m.copy.unreadable()),
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
	next.Policed, next.PolicedAt = nil, time.Time{}
	if named, policies := m.configure(); policies {
		next.Policed, next.PolicedAt = named, m.changes.configured
		next.Policies = compile.InboundPolicies(m.copy.governing()).With(m.copy.settings.PathNormalization)
	}
	m.compileTouched(&next)
	m.last = next
	m.changes = newChanges(m.changes.revision)
	return next, nil
}

func (m *Mirror) tell(c store.Change, seen time.Time) News {
	switch c.Table {
	case store.Instances:
		m.changes.instances = true
		m.touch(seen, m.copy.instance(c)...)
		return Ordinary
	case store.Verdicts:
		m.touch(seen, m.copy.verdict(c)...)
		return Urgent
	case store.Resources:
		m.copy.resource(c)
		m.changes.resources[c.Key] = struct{}{}
	case store.Settings:
		m.copy.setting(c)
		m.changes.settings = true
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

// configure brings the base up to date with the resources that changed, and adds what they
// touch to the services that are. It reports whether policies may be others, and which as
// far as that is known.
func (m *Mirror) configure() (named []string, policies bool) {
	if m.changes.all {
		m.base, m.changes.resources = compile.NewBase(m.domain), m.copy.keys()
	}
	if len(m.changes.resources) == 0 && !m.changes.all {
		return nil, m.changes.settings
	}
	edits := make(map[string]*config.Object, len(m.changes.resources))
	for key := range m.changes.resources {
		edits[key] = m.copy.current(key)
	}
	touched, at := m.base.Apply(edits), m.changes.configured
	if m.changes.all { // what is no more is to be said, too
		m.copy.regroup(m.base.Of)
		m.touch(at, slices.Collect(maps.Keys(m.copy.spokenOf(m.base)))...)
		m.touch(at, slices.Collect(maps.Keys(m.last.Snapshots))...)
		return nil, true
	}
	m.copy.rejoin(touched.Grouped, m.base.Has)
	m.touch(at, slices.Collect(maps.Keys(touched.Services))...)
	for _, i := range m.copy.instances {
		if touched.Peer(i) {
			m.touch(at, m.base.Of(i)...)
		}
	}
	return slices.Sorted(maps.Keys(touched.Policies)), len(touched.Policies) > 0 || m.changes.settings
}

// compileTouched makes the snapshots of the services that were touched anew.
func (m *Mirror) compileTouched(next *hub.State) {
	next.Changed = map[mesh.ServiceName]time.Time{}
	if m.changes.instances || m.changes.all {
		next.Instances = m.copy.all()
	}
	if len(m.changes.services) == 0 && next.Snapshots != nil {
		return
	}
	next.Snapshots = make(map[mesh.ServiceName]mesh.Snapshot, len(m.last.Snapshots))
	maps.Copy(next.Snapshots, m.last.Snapshots)
	for name, at := range m.changes.services {
		m.compile(next, name)
		if !compile.Same(m.last.Snapshots, next.Snapshots, name) {
			next.Changed[name] = at
		}
	}
}

func (m *Mirror) compile(next *hub.State, name mesh.ServiceName) {
	m.compiled++
	s, ok := m.base.Service(name, m.copy.members[name], m.copy.judged(name))
	if !ok {
		delete(next.Snapshots, name)
		return
	}
	s.Version = next.Version
	next.Snapshots[name] = compile.Kept(m.last.Snapshots, s)
}

// first is the earlier of two times, of which the zero one counts for none.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
