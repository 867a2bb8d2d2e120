// Package hub feeds sidecars. It keeps the newest state of the mesh, compiled, and
// for each sidecar what it wants, what it was sent and what it said to that.
//
// Changes go out as whole versioned snapshots of the services that changed, to the
// sidecars that are sent those services: a lone change at once, many gathered for a
// moment. Nothing here waits for a sidecar: one that reads slowly skips versions.
package hub

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const reloadAfter = 200 * time.Millisecond // a state that could not be loaded

// State is the mesh at one moment, compiled. It is never changed.
type State struct {
	Version   uint64 // grows with every change; one version has one content
	Snapshots map[mesh.ServiceName]mesh.Snapshot
	Instances []mesh.Instance
	Policies  compile.Policies // of inbound sides
	Built     time.Time
	// Changed are the services whose version is another than in the state before, and
	// when the first change of each was committed.
	Changed map[mesh.ServiceName]time.Time
	// Policed names what Policies are made of and came, went or is another than in the
	// state before, where that is known; PolicedAt is when the first of it was committed.
	Policed   []string
	PolicedAt time.Time

	policed uint64 // version of the state in which Policies changed last
}

// Config says how long changes are gathered when many come together.
type Config struct {
	Quiet time.Duration // go out when nothing has changed for this long
	Most  time.Duration // go out after this long at the latest
}

// Deps is what a hub works with.
type Deps struct {
	// Load is the state of the moment, with what changed since the one that it returned
	// before.
	Load func(ctx context.Context) (State, error)
	// Replaced is told of every new state; before is nil the first time. It must
	// not block. It may be nil.
	Replaced func(before, after *State)
	// Refused is told when a sidecar refuses a push. It must not block. It may be
	// nil.
	Refused func(i mesh.Instance, version uint64, reason string)
	// TurnedAway is told now and then while a sidecar does not take connections. It must not
	// block. It may be nil.
	TurnedAway func(i mesh.Instance, t mesh.TurnedAway)
	Logger     *slog.Logger
}

// Hub feeds sidecars. Its methods may be called from any goroutine and never block.
type Hub struct {
	// Set by New and never changed.
	deps   Deps
	wake   chan struct{} // capacity 1: something changed
	urgent chan struct{} // capacity 1: it must not wait

	changes changeLog
	tally   tally

	noted atomic.Int64 // changes since the newest state
	pace  pace         // owned by Run

	state atomic.Pointer[State]      // nil until the first is loaded
	taps  atomic.Pointer[[]mesh.Tap] // nil until the first

	mu      sync.Mutex // guards what follows
	feeds   map[mesh.InstanceID]*Feed
	readers map[mesh.ServiceName]map[*Feed]struct{} // those that are sent a service
}

// New makes a hub that has no state before Run.
func New(c Config, d Deps) *Hub {
	return &Hub{
		deps:    d,
		wake:    make(chan struct{}, 1),
		urgent:  make(chan struct{}, 1),
		pace:    pace{cfg: c},
		feeds:   map[mesh.InstanceID]*Feed{},
		readers: map[mesh.ServiceName]map[*Feed]struct{}{},
	}
}

// Run loads and publishes the state now and after every change, until ctx ends. It
// returns nil.
func (h *Hub) Run(ctx context.Context) error {
	h.NotifyNow()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.urgent:
		case <-h.wake:
			h.settle(ctx)
		}
		h.reload(ctx)
	}
}

// Notify says that something changed.
func (h *Hub) Notify() {
	h.noted.Add(1)
	signal(h.wake)
}

// NotifyNow says that something changed that should not wait to be gathered.
func (h *Hub) NotifyNow() { signal(h.urgent) }

// State is the newest state, nil before the first.
func (h *Hub) State() *State { return h.state.Load() }

// Proxies is how every sidecar stands, by service and instance. Instances that are
// registered but have no stream come as not connected.
func (h *Hub) Proxies() []mesh.ProxyStatus {
	out := map[mesh.InstanceID]mesh.ProxyStatus{}
	if s := h.State(); s != nil {
		for _, i := range s.Instances {
			if i.Origin == "" {
				out[i.ID] = mesh.ProxyStatus{Instance: i, Subscribed: []string{}}
			}
		}
	}
	h.mu.Lock()
	feeds := slices.Collect(maps.Values(h.feeds))
	h.mu.Unlock()
	for _, f := range feeds {
		status := f.status()
		if registered, ok := out[status.Instance.ID]; ok {
			status.Instance.State = registered.Instance.State
		}
		out[status.Instance.ID] = status
	}
	return slices.SortedFunc(maps.Values(out), func(a, b mesh.ProxyStatus) int {
		return cmp.Or(cmp.Compare(a.Instance.Service, b.Instance.Service), cmp.Compare(a.Instance.ID, b.Instance.ID))
	})
}

// settle waits until the next state is due.
func (h *Hub) settle(ctx context.Context) {
	wait := h.pace.wait(time.Now())
	if wait <= 0 {
		return
	}
	due := time.NewTimer(wait)
	defer due.Stop()
	quiet := time.NewTimer(h.pace.cfg.Quiet)
	defer quiet.Stop()
	for {
		select {
		case <-h.wake:
			quiet.Reset(h.pace.cfg.Quiet)
		case <-h.urgent:
			return
		case <-quiet.C:
			return
		case <-due.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (h *Hub) reload(ctx context.Context) {
	gathered := h.noted.Swap(0)
	next, err := h.deps.Load(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.tally.failed.Add(1)
			h.deps.Logger.Error("state of the mesh is loaded again", "in", reloadAfter, "reason", err)
			time.AfterFunc(reloadAfter, h.Notify)
		}
		return
	}
	h.pace.went(time.Now(), gathered)
	before := h.state.Load()
	next.policed = next.Version
	if before != nil && next.Policies.Equal(before.Policies) {
		next.policed = before.policed
	}
	h.publish(&next, concerned(before, &next))
	if h.deps.Replaced != nil {
		h.deps.Replaced(before, &next)
	}
}

// concerned tells whom the policies of a state concern that are new in it, nil where none are.
func concerned(before, s *State) func(mesh.Instance) bool {
	if before == nil || s.policed != s.Version {
		return nil
	}
	news := s.Policies.Since(before.Policies)
	return news.Concerns
}

// publish puts a state in force and wakes who has to be sent something of it. What a
// sidecar is owed is noted before it can read the state.
func (h *Hub) publish(s *State, concerned func(mesh.Instance) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	owed := map[*Feed]time.Time{}
	for name, at := range s.Changed {
		for f := range h.readers[name] {
			owed[f] = earlier(owed[f], at)
		}
	}
	if concerned != nil {
		for _, f := range h.feeds {
			if f.looked && concerned(f.joining.Instance) {
				owed[f] = earlier(owed[f], s.policedAt())
			}
		}
	}
	change, timed := changeOf(s, concerned != nil), 0
	for f, at := range owed {
		if f.debts.owe(change, at) {
			timed++
		}
	}
	h.changes.keep(change, timed)
	h.state.Store(s)
	if s.policed == s.Version { // all have to look whether it concerns them
		for _, f := range h.feeds {
			signal(f.wake)
		}
	}
	for f := range owed {
		signal(f.wake)
	}
}

// subscribe has the hub tell a feed of changes of these services alone.
func (h *Hub) subscribe(f *Feed, services []mesh.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.left {
		return
	}
	f.looked = true
	old := f.reads
	f.reads = make(map[mesh.ServiceName]struct{}, len(services))
	for _, s := range services {
		f.reads[s.Service] = struct{}{}
		delete(old, s.Service)
		readers, ok := h.readers[s.Service]
		if !ok {
			readers = map[*Feed]struct{}{}
			h.readers[s.Service] = readers
		}
		readers[f] = struct{}{}
	}
	h.unread(f, old)
}

// unread takes a feed from the readers of services. The caller holds mu.
func (h *Hub) unread(f *Feed, services map[mesh.ServiceName]struct{}) {
	for name := range services {
		readers := h.readers[name]
		if delete(readers, f); len(readers) == 0 {
			delete(h.readers, name)
		}
	}
}

// forget takes out a feed that has ended.
func (h *Hub) forget(f *Feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.feeds[f.joining.Instance.ID] == f {
		delete(h.feeds, f.joining.Instance.ID)
	}
	h.unread(f, f.reads)
	f.reads, f.left = nil, true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
