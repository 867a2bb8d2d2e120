package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// resolveWithin is how long the first request for a service waits for its snapshot.
const resolveWithin = 2 * time.Second

// maxAsked bounds the services a sidecar asks for, as anything an app sends a request
// to may look like one.
const maxAsked = 4096

// tables holds the table in force and asks for services as they are dialled.
type tables struct {
	subscribe func(...mesh.ServiceName)
	caller    route.Caller
	update    func([]mesh.Snapshot) // makes the instances known, before the routes are
	current   atomic.Pointer[route.Table]
	pushed    atomic.Pointer[[]mesh.Snapshot] // what current was compiled from
	apps      atomic.Pointer[map[netip.AddrPort]mesh.ServiceName]

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with every new table
	asked   map[mesh.ServiceName]bool
}

func newTables(caller route.Caller, update func([]mesh.Snapshot)) *tables {
	t := &tables{caller: caller, update: update, changed: make(chan struct{}), asked: make(map[mesh.ServiceName]bool)}
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
// subscribes to it and waits; without a control plane it gets the table as it is, and
// with that the answer that the service is unknown.
func (t *tables) resolve(ctx context.Context, s mesh.ServiceName) (*route.Table, error) {
	now := t.current.Load()
	if now.Has(s) {
		return now, nil
	}
	if !t.ask(s) {
		return now, nil
	}
	patience := time.NewTimer(resolveWithin)
	defer patience.Stop()
	for {
		t.mu.Lock()
		changed := t.changed
		t.mu.Unlock()
		if now = t.current.Load(); now.Has(s) {
			return now, nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return now, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the routes of %s: %w", s, ctx.Err())
		}
	}
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
			if i.AppPort != 0 {
				out[netip.AddrPortFrom(i.Address.Addr().Unmap(), i.AppPort)] = snaps[n].Service
			}
		}
	}
	return out
}

// ask subscribes to a service. It reports false when too many were asked for already.
func (t *tables) ask(s mesh.ServiceName) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.asked[s] {
		if len(t.asked) >= maxAsked {
			return false
		}
		t.asked[s] = true
	}
	t.subscribe(s)
	return true
}

// snapshots is the configuration in force, for people to read.
func (t *tables) snapshots() []mesh.Snapshot {
	if s := t.pushed.Load(); s != nil {
		return *s
	}
	return nil
}
