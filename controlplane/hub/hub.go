// Package hub feeds sidecars. It keeps the newest state of the mesh, compiled, and
// for each sidecar what it wants, what it was sent and what it said to that.
//
// Changes are gathered for a moment and go out as whole versioned snapshots of the
// services that changed. Nothing here waits for a sidecar: one that reads slowly
// skips versions.
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

	policed uint64 // version of the state in which Policies changed last
}

// Config says how long changes are gathered.
type Config struct {
	Quiet time.Duration // go out when nothing has changed for this long
	Most  time.Duration // go out after this long at the latest
}

// Deps is what a hub works with.
type Deps struct {
	// Load reads and compiles the state of the moment.
	Load func(ctx context.Context) (State, error)
	// Replaced is told of every new state; before is nil the first time. It must
	// not block. It may be nil.
	Replaced func(before, after *State)
	// Refused is told when a sidecar refuses a push. It must not block. It may be
	// nil.
	Refused func(i mesh.Instance, version uint64, reason string)
	Logger  *slog.Logger
}

// Hub feeds sidecars. Its methods may be called from any goroutine and never block.
type Hub struct {
	// Set by New and never changed.
	cfg    Config
	deps   Deps
	wake   chan struct{} // capacity 1: something changed
	urgent chan struct{} // capacity 1: it must not wait

	state atomic.Pointer[State]      // nil until the first is loaded
	taps  atomic.Pointer[[]mesh.Tap] // nil until the first

	mu    sync.Mutex // guards what follows
	feeds map[mesh.InstanceID]*Feed
}

// New makes a hub that has no state before Run.
func New(c Config, d Deps) *Hub {
	return &Hub{
		cfg:    c,
		deps:   d,
		wake:   make(chan struct{}, 1),
		urgent: make(chan struct{}, 1),
		feeds:  map[mesh.InstanceID]*Feed{},
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
func (h *Hub) Notify() { signal(h.wake) }

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
			out[i.ID] = mesh.ProxyStatus{Instance: i, Subscribed: []string{}}
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

// settle waits until changes pause, have waited long enough, or one is urgent.
func (h *Hub) settle(ctx context.Context) {
	most := time.NewTimer(h.cfg.Most)
	defer most.Stop()
	quiet := time.NewTimer(h.cfg.Quiet)
	defer quiet.Stop()
	for {
		select {
		case <-h.wake:
			quiet.Reset(h.cfg.Quiet)
		case <-h.urgent:
			return
		case <-quiet.C:
			return
		case <-most.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (h *Hub) reload(ctx context.Context) {
	next, err := h.deps.Load(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.deps.Logger.Error("state of the mesh is loaded again", "in", reloadAfter, "reason", err)
			time.AfterFunc(reloadAfter, h.Notify)
		}
		return
	}
	before := h.state.Load()
	next.policed = next.Version
	if before != nil {
		next.Snapshots = compile.Reuse(before.Snapshots, next.Snapshots)
		if next.Policies.Equal(before.Policies) {
			next.policed = before.policed
		}
	}
	h.state.Store(&next)
	if h.deps.Replaced != nil {
		h.deps.Replaced(before, &next)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		signal(f.wake)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
