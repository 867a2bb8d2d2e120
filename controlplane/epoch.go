package controlplane

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/controlplane/store"
)

// epoch names the store for as long as its revisions grow: what a sidecar has been told of
// one epoch says nothing of another.
type epoch struct {
	store *store.Store
	now   atomic.Pointer[string]
}

func openEpoch(ctx context.Context, s *store.Store) (*epoch, error) {
	e := &epoch{store: s}
	return e, e.look(ctx)
}

// name is the epoch as this control plane knows it.
func (e *epoch) name() string { return *e.now.Load() }

// look takes over what another control plane has found out.
func (e *epoch) look(ctx context.Context) error {
	now, err := e.store.Epoch(ctx)
	if err == nil {
		e.now.Store(&now)
	}
	return err
}

// is reports whether a sidecar was told of this epoch.
func (e *epoch) is(ctx context.Context, told string) bool {
	if told != "" && told != e.name() {
		_ = e.look(ctx) // a store that is away keeps its name
	}
	return told == e.name()
}

// past reports whether a version is one that the store has not come to, though a sidecar
// was told of it: the store was set back, as by a snapshot of etcd's own, and begins
// another epoch.
func (e *epoch) past(ctx context.Context, version uint64) (bool, error) {
	known := e.name()
	at, err := e.store.Revision(ctx)
	if err != nil || uint64(at) >= version {
		return false, err
	}
	if err := e.store.BeginEpoch(ctx, known); err != nil {
		return false, fmt.Errorf("the store was set back from revision %d to %d: %w", version, at, err)
	}
	return true, e.look(ctx)
}
