package controlplane

import (
	"context"
	"reflect"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// One version must stand for one content, or a sidecar that has the one is never
// sent the other: states are loaded while the store changes between their tables.
func TestAVersionHasOneContent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := New(DefaultConfig(t.TempDir()), Deps{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.assemble(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		s.Follow(following, mirror.Tables, p.changed)
	}()
	defer func() { stop(); <-followed }()
	done := make(chan error, 1)
	go func() { done <- churn(t, p.registry) }()

	seen := map[uint64]map[mesh.ServiceName]mesh.Snapshot{}
	for {
		state, err := p.mirror.Load(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if old, ok := seen[state.Version]; ok && !reflect.DeepEqual(old, state.Snapshots) {
			t.Fatalf("version %d is %+v, and then %+v", state.Version, old, state.Snapshots)
		}
		seen[state.Version] = state.Snapshots
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

// churn makes an instance come and go.
func churn(t *testing.T, r *registry.Registry) error {
	for range 100 {
		a, err := r.Attach(t.Context(), mesh.Instance{ID: "web-1", Service: "web", State: mesh.Ready})
		if err != nil {
			return err
		}
		if err := a.Leave(t.Context()); err != nil {
			return err
		}
	}
	return nil
}
