package registry

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const ttl = 2 * time.Second

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func reviews(id mesh.InstanceID) mesh.Instance {
	return mesh.Instance{
		ID: id, Service: "reviews", Version: "v1", State: mesh.Ready,
		Identity: "spiffe://mesh.local/ns/default/sa/reviews",
		Address:  netip.MustParseAddrPort("127.0.0.1:15006"),
		Labels:   map[string]string{"version": "v1"},
	}
}

func attach(t *testing.T, r *Registry, i mesh.Instance) *Attachment {
	t.Helper()
	a, err := r.Attach(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func want(t *testing.T, r *Registry, when string, instances ...mesh.Instance) int64 {
	t.Helper()
	got, revision, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(instances, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
	return revision
}

func TestInstanceComesAndGoes(t *testing.T) {
	r := New(open(t), ttl)
	i := reviews("reviews-1")
	a := attach(t, r, i)
	want(t, r, "attached", i)
	if err := a.SetState(t.Context(), mesh.Draining); err != nil {
		t.Fatal(err)
	}
	i.State = mesh.Draining
	want(t, r, "draining", i)
	if diff := cmp.Diff(i, a.Instance(), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, r, "left")
	if err := a.Leave(t.Context()); err != nil {
		t.Errorf("second goodbye: %v", err)
	}
}

func TestReturnChangesNothing(t *testing.T) {
	s := open(t)
	r := New(s, ttl)
	i := reviews("reviews-1")
	attach(t, r, i).Detach()
	before := want(t, r, "detached", i)
	second := New(s, ttl) // as after a restart
	attach(t, second, i)
	if after := want(t, second, "attached again", i); after != before {
		t.Errorf("store is at revision %d, want %d: a return must not be a change", after, before)
	}
	i.State = mesh.Starting
	attach(t, second, i)
	want(t, second, "attached in another state", i)
}

func TestNewerAttachmentTakesOver(t *testing.T) {
	r := New(open(t), ttl)
	i := reviews("reviews-1")
	old := attach(t, r, i)
	attach(t, r, i)
	if err := errors.Join(old.SetState(t.Context(), mesh.Draining), old.Leave(t.Context())); err != nil {
		t.Error(err)
	}
	want(t, r, "after the older had its say", i)
}

func TestInstanceIDIsOneWorkloads(t *testing.T) {
	r := New(open(t), ttl)
	i := reviews("reviews-1")
	attach(t, r, i)
	thief := i
	thief.Identity = "spiffe://mesh.local/ns/default/sa/thief"
	if _, err := r.Attach(t.Context(), thief); !errors.Is(err, ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
	want(t, r, "after the attempt", i)
}

func TestLeaseIsKeptAndRunsOut(t *testing.T) {
	s := open(t)
	r := New(s, ttl)
	kept, lost := reviews("kept"), reviews("lost")
	a := attach(t, r, kept)
	attach(t, r, lost).Detach() // its sidecar never comes back
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Keep(ctx) }()

	changes := make(chan struct{}, 10)
	watching, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.Follow(watching, []string{store.Instances}, func(store.Batch) { changes <- struct{}{} })
	}()
	<-changes // the start
	select {
	case <-changes:
	case <-time.After(10 * ttl):
		t.Fatal("the lease never ran out")
	}
	want(t, r, "after a lease's time", kept)
	stop()
	<-watched
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("keep ended with %v", err)
	}
}
