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

// ttl is more than a busy machine keeps a process waiting: what is attached stays so.
const ttl = 6 * time.Second

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
	if diff := cmp.Diff(instances, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(mesh.Instance{}, "Since")); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
	return revision
}

func TestInstanceComesAndGoes(t *testing.T) {
	r := New(open(t), "cp-1", ttl)
	i := reviews("reviews-1")
	a := attach(t, r, i)
	want(t, r, "attached", i)
	if err := a.SetState(t.Context(), mesh.Draining); err != nil {
		t.Fatal(err)
	}
	i.State = mesh.Draining
	want(t, r, "draining", i)
	if diff := cmp.Diff(i, a.Instance(), cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.IgnoreFields(mesh.Instance{}, "Since")); diff != "" {
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
	r := New(s, "cp-1", ttl)
	i := reviews("reviews-1")
	attach(t, r, i).Detach()
	want(t, r, "detached", i)
	before := changed(t, s)
	second := New(s, "cp-2", ttl) // as after a restart, or at another control plane
	attach(t, second, i)
	want(t, second, "attached again", i)
	if after := changed(t, s); after != before {
		t.Errorf("instance is of revision %d, want %d: a return must not be a change", after, before)
	}
	if streams, err := second.Streams(t.Context()); err != nil || streams["reviews-1"].Replica != "cp-2" {
		t.Errorf("streams: %v, %v, want it at cp-2", streams, err)
	}
	i.State = mesh.Starting
	attach(t, second, i)
	want(t, second, "attached in another state", i)
}

func changed(t *testing.T, s *store.Store) int64 {
	t.Helper()
	item, err := store.TableOf[mesh.Instance](s, store.Instances).Item(t.Context(), "reviews-1")
	if err != nil {
		t.Fatal(err)
	}
	return item.Revision
}

// A sidecar that moved has its say at the control plane that it moved to: the other one
// may not know yet.
func TestAttachmentElsewhereTakesOver(t *testing.T) {
	s := open(t)
	first, second := New(s, "cp-1", ttl), New(s, "cp-2", ttl)
	i := reviews("reviews-1")
	old := attach(t, first, i)
	i.State = mesh.Draining
	attach(t, second, i)
	if err := old.SetState(t.Context(), mesh.Starting); !errors.Is(err, ErrMoved) {
		t.Errorf("state from the former control plane: got %v, want ErrMoved", err)
	}
	if err := old.Leave(t.Context()); err != nil {
		t.Errorf("goodbye from the former control plane: %v", err)
	}
	want(t, second, "after the former had its say", i)
	ended := make(chan error, 1)
	third := attach(t, first, i)
	go func() { ended <- third.Keep(t.Context()) }()
	moved := attach(t, second, i)
	if err := moved.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, store.ErrLeaseGone) {
		t.Errorf("the former control plane keeps an instance that has left: %v", err)
	}
	want(t, second, "after the goodbye")
}

func TestNewerAttachmentTakesOver(t *testing.T) {
	r := New(open(t), "cp-1", ttl)
	i := reviews("reviews-1")
	old := attach(t, r, i)
	attach(t, r, i)
	if err := errors.Join(old.SetState(t.Context(), mesh.Draining), old.Leave(t.Context())); err != nil {
		t.Error(err)
	}
	want(t, r, "after the older had its say", i)
}

func TestInstanceIDIsOneWorkloads(t *testing.T) {
	r := New(open(t), "cp-1", ttl)
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
	r := New(s, "cp-1", ttl)
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
