package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// script is a source that says what it is given.
type script struct {
	name string
	says chan func(Listener)
}

func (s *script) Name() string { return s.name }

func (s *script) Run(ctx context.Context, to Listener) error {
	for {
		select {
		case say := <-s.says:
			say(to)
		case <-ctx.Done():
			return nil
		}
	}
}

// lead runs work under a term of its own, and returns what ends it and waits.
func lead(t *testing.T, s *store.Store, id string, work func(ctx context.Context, term store.Term)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	began, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		s.Campaign(ctx, store.Candidate{Office: "test", ID: id, TTL: time.Minute, Lead: func(ctx context.Context, term store.Term) {
			close(began)
			work(ctx, term)
			<-ctx.Done()
		}})
	}()
	<-began
	return func() { cancel(); <-done }
}

func told(id mesh.InstanceID, address string) mesh.Instance {
	return mesh.Instance{ID: id, Service: "ledger", State: mesh.Ready, Address: netip.MustParseAddrPort(address), Plaintext: true}
}

// registered waits until the registry holds these, and no more.
func registered(t *testing.T, r *Registry, want ...mesh.Instance) []mesh.Instance {
	t.Helper()
	diff := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		got, _, err := r.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		diff = cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(mesh.Instance{}, "Since"))
		if diff == "" {
			return got
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatal(diff)
	return nil
}

func sourced(i mesh.Instance) mesh.Instance {
	i.ID, i.Origin = "file/"+i.ID, "file"
	return i
}

// TestFollow: what a source says is registered beside what sidecars register; what it
// says again is written once and keeps its age; what it leaves out goes; what it said
// last outlives a control plane, until nobody speaks for it.
func TestFollow(t *testing.T) {
	s := open(t)
	r := New(s, "cp-1", ttl)
	own := reviews("reviews-1")
	attach(t, r, own)
	src := &script{name: "file", says: make(chan func(Listener))}
	troubles := make(chan error, 10)
	follow := func(ctx context.Context, term store.Term) {
		if err := r.Follow(ctx, Following{Source: src, Term: term, Logger: slog.New(slog.DiscardHandler), Tell: func(_ string, err error) { troubles <- err }}); err != nil {
			t.Error(err)
		}
	}
	stop := lead(t, s, "cp-1", follow)
	a, b := told("a", "10.0.0.7:80"), told("b", "10.0.0.8:80")
	src.says <- func(to Listener) { to.Replace([]mesh.Instance{b, a}) }
	first := registered(t, r, sourced(a), sourced(b), own)
	if first[0].Since.IsZero() || first[2].Since.IsZero() {
		t.Errorf("since is %s of a, %s of a sidecar's", first[0].Since, first[2].Since)
	}
	b.Address = netip.MustParseAddrPort("10.0.0.9:80")
	src.says <- func(to Listener) {
		to.Trouble(errors.New("half written"))
		to.Trouble(errors.New("half written"))
		to.Replace([]mesh.Instance{a, b})
		to.Trouble(nil)
	}
	second := registered(t, r, sourced(a), sourced(b), own)
	if !second[0].Since.Equal(first[0].Since) || !second[1].Since.Equal(first[1].Since) {
		t.Errorf("since is %s, then %s", first[0].Since, second[0].Since)
	}
	if err := <-troubles; err == nil || <-troubles != nil || len(troubles) > 0 {
		t.Errorf("told of %v and of %d more", err, len(troubles))
	}
	src.says <- func(to Listener) { to.Replace(make([]mesh.Instance, MaxSourced+1)) }
	if err := <-troubles; err == nil {
		t.Error("too many instances are no trouble")
	}
	stop()
	registered(t, r, sourced(a), sourced(b), own)

	stop = lead(t, s, "cp-2", follow)
	src.says <- func(to Listener) { to.Replace([]mesh.Instance{a}) }
	registered(t, r, sourced(a), own)
	stop()
	stop = lead(t, s, "cp-3", func(ctx context.Context, term store.Term) {
		if err := errors.Join(r.Forget(ctx, term, src), r.Forget(ctx, term, &script{name: "dns"})); err != nil {
			t.Error(err)
		}
	})
	defer stop()
	registered(t, r, own)
}

// TestFormerLeaderWritesNothing: one that does not know yet that another leads.
func TestFormerLeaderWritesNothing(t *testing.T) {
	s := open(t)
	r := New(s, "cp-1", ttl)
	var former store.Term
	lead(t, s, "cp-1", func(_ context.Context, term store.Term) { former = term })()
	defer lead(t, s, "cp-2", func(context.Context, store.Term) {})()
	src := &script{name: "file", says: make(chan func(Listener))}
	ended := make(chan error, 1)
	go func() {
		ended <- r.Follow(t.Context(), Following{Source: src, Term: former, Logger: slog.New(slog.DiscardHandler), Tell: func(string, error) {}})
	}()
	src.says <- func(to Listener) { to.Replace([]mesh.Instance{told("a", "10.0.0.7:80")}) }
	if err := <-ended; err != nil {
		t.Error(err)
	}
	registered(t, r)
}

// TestManyAreWrittenInSteps: a commit of an etcd takes only so many.
func TestManyAreWrittenInSteps(t *testing.T) {
	s := open(t)
	r := New(s, "cp-1", ttl)
	src := &script{name: "file", says: make(chan func(Listener))}
	defer lead(t, s, "cp-1", func(ctx context.Context, term store.Term) {
		if err := r.Follow(ctx, Following{Source: src, Term: term, Logger: slog.New(slog.DiscardHandler), Tell: func(string, error) {}}); err != nil {
			t.Error(err)
		}
	})()
	var all, want []mesh.Instance
	for n := range 1200 {
		i := told(mesh.InstanceID(fmt.Sprintf("%04d", n)), "10.0.0.7:80")
		all, want = append(all, i), append(want, sourced(i))
	}
	src.says <- func(to Listener) { to.Replace(all) }
	registered(t, r, want...)
}
