package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

const (
	// resolveWithin is how long the first request for a service waits for its snapshot.
	resolveWithin = 10 * time.Second
	// reconnectWithin is how long it waits for a control plane that is away: so long
	// takes the next try to reach it.
	reconnectWithin = 2 * time.Second
	// maxWaiting bounds the requests that wait.
	maxWaiting = 1024
)

// feed is where tables come from.
type feed interface {
	Subscribe(services ...mesh.ServiceName)
	Unsubscribe(services ...mesh.ServiceName)
	Status() push.Status
}

// tables holds the table in force and asks for services as they are dialled.
type tables struct {
	feed    feed // set before the first request
	caller  route.Caller
	update  func([]mesh.Snapshot) // makes the instances known, before the routes are
	current atomic.Pointer[route.Table]
	pushed  atomic.Pointer[[]mesh.Snapshot] // what current was compiled from
	apps    atomic.Pointer[map[netip.AddrPort]mesh.ServiceName]

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every new table
	asked   interests
	waiting int // requests
}

func newTables(caller route.Caller, update func([]mesh.Snapshot)) *tables {
	t := &tables{caller: caller, update: update, changed: make(chan struct{}), asked: newInterests()}
	empty, err := route.Compile(nil)
	if err != nil {
		panic("compile no snapshots: " + err.Error()) // there is nothing in it that could be wrong
	}
	t.current.Store(empty)
	return t
}

// apply proves a set of snapshots, then swaps it in. A set that does not compile is
// refused with the reason, and the old one serves on.
func (t *tables) apply(snaps []mesh.Snapshot) error {
	next, err := t.caller.Compile(snaps)
	if err != nil {
		return fmt.Errorf("compile routes: %w", err)
	}
	t.update(snaps)
	t.current.Store(next)
	t.pushed.Store(&snaps)
	apps := appAddresses(snaps)
	t.apps.Store(&apps)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
	return nil
}

// resolve returns a table that speaks of the service. The first request for a service
// subscribes to it and waits for the control plane's word, at most until by unless that
// is zero. Without its word the error wraps serve.ErrUntold and says why there is none.
func (t *tables) resolve(ctx context.Context, s mesh.ServiceName, by time.Time) (*route.Table, error) {
	if now := t.current.Load(); now.Known(s) {
		return now, nil
	}
	i, err := t.want(s)
	if err != nil {
		return nil, err
	}
	defer t.unwait(i)
	if now := t.current.Load(); now.Has(s) { // there is no such service
		return now, nil
	}
	if s.Outside() && !t.feed.Status().Connected { // most hosts outside are nobody's service
		return nil, untold(s, "the control plane is away, and it was not asked before")
	}
	return t.await(ctx, s, by)
}

// await waits until there is a table that speaks of the service.
func (t *tables) await(ctx context.Context, s mesh.ServiceName, by time.Time) (*route.Table, error) {
	within, late := resolveWithin, untold(s, "the control plane has not answered within "+resolveWithin.String())
	if left := time.Until(by); !by.IsZero() && left < within {
		within, late = left, fmt.Errorf("wait for the routes of %s: %w", s, context.DeadlineExceeded)
	}
	patience := time.NewTimer(within)
	defer patience.Stop()
	look := time.NewTicker(reconnectWithin)
	defer look.Stop()
	for {
		t.mu.Lock()
		changed := t.changed
		t.mu.Unlock()
		if now := t.current.Load(); now.Has(s) {
			return now, nil
		}
		select {
		case <-changed:
		case <-look.C:
			if reason := t.trouble(); reason != "" {
				return nil, untold(s, reason)
			}
		case <-patience.C:
			return nil, late
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the routes of %s: %w", s, ctx.Err())
		}
	}
}

func untold(s mesh.ServiceName, reason string) error {
	return fmt.Errorf("%w: %s: %s", serve.ErrUntold, s, reason)
}

// trouble is what keeps news from this sidecar, empty where nothing is known to.
func (t *tables) trouble() string {
	switch now := t.feed.Status(); {
	case !now.Connected:
		return "the control plane is away, and it was not asked before"
	case now.Refusal != "":
		return "what the control plane sent last is refused: " + now.Refusal
	}
	return ""
}

// want asks for a service, for a request that may wait for it until unwait.
func (t *tables) want(s mesh.ServiceName) (*interest, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting >= maxWaiting {
		return nil, untold(s, fmt.Sprintf("%d requests wait for the control plane already", t.waiting))
	}
	i := t.ask(s)
	i.waiting++
	t.waiting++
	return i, nil
}

func (t *tables) unwait(i *interest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i.waiting--
	t.waiting--
}

// ask subscribes to a service. The caller holds mu.
func (t *tables) ask(s mesh.ServiceName) *interest {
	i, isNew := t.asked.use(s)
	if isNew {
		t.feed.Subscribe(s)
		i.waiting++ // not to be forgotten at once
		if old := t.asked.forget(t.current.Load().Known); len(old) > 0 {
			t.feed.Unsubscribe(old...)
		}
		i.waiting--
	}
	return i
}

// keep asks for a service for as long as the sidecar runs.
func (t *tables) keep(s mesh.ServiceName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ask(s).kept = true
}

// adopt takes charge of what is asked for since before this process began.
func (t *tables) adopt(services []mesh.ServiceName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range services {
		t.ask(s)
	}
}

// counts is how many services are asked for, and how many names of none were
// forgotten.
func (t *tables) counts() (asked int, forgotten uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.asked.names), t.asked.forgotten
}

// find tells whose instance's app listens at an address, of the services that are
// known. Where an instance's sidecar is, there is its app.
func (t *tables) find(at netip.AddrPort) (mesh.ServiceName, bool) {
	apps := t.apps.Load()
	if apps == nil {
		return "", false
	}
	s, ok := (*apps)[at]
	return s, ok
}

func appAddresses(snaps []mesh.Snapshot) map[netip.AddrPort]mesh.ServiceName {
	out := map[netip.AddrPort]mesh.ServiceName{}
	for n := range snaps {
		for _, i := range snaps[n].Instances {
			for _, p := range i.AppPorts() {
				out[netip.AddrPortFrom(i.Address.Addr().Unmap(), p.Number)] = snaps[n].Service
			}
		}
	}
	return out
}

// snapshots is the configuration in force, for people to read.
func (t *tables) snapshots() []mesh.Snapshot {
	if s := t.pushed.Load(); s != nil {
		return *s
	}
	return nil
}
