package remedy_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is a Journal in memory that can be away.
type journal struct {
	mu       sync.Mutex
	away     error
	changes  int64
	verdicts map[string]mesh.Verdict
	events   []mesh.Event
}

func (j *journal) Load(context.Context) ([]mesh.Verdict, int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Values(j.verdicts)), j.changes, j.away
}

func (j *journal) Save(_ context.Context, revision int64, verdicts []mesh.Verdict, events []mesh.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.away != nil {
		return j.away
	}
	if revision != j.changes {
		return remedy.ErrChanged
	}
	if len(verdicts) > 0 {
		j.changes++
	}
	for _, v := range verdicts {
		if v.Phase == mesh.Released {
			delete(j.verdicts, v.ID)
		} else {
			j.verdicts[v.ID] = v
		}
	}
	j.events = append(j.events, events...)
	return nil
}

func (j *journal) set(away error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.away = away
}

func (j *journal) last(t *testing.T, kind mesh.EventKind, by string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.events) == 0 || j.events[len(j.events)-1].Kind != kind || j.events[len(j.events)-1].By != by {
		t.Errorf("events = %+v, want the last to be %q by %q", j.events, kind, by)
	}
}

func start(t *testing.T) (*remedy.Remedy, *journal) {
	t.Helper()
	j := &journal{verdicts: map[string]mesh.Verdict{}}
	r := onJournal(t, j)
	lead(t, r, j)
	return r, j
}

// onJournal is a remedy that does not lead.
func onJournal(t *testing.T, j *journal) *remedy.Remedy {
	t.Helper()
	r, err := remedy.New(remedy.Default(), remedy.Deps{
		Journal: j,
		Instances: func(context.Context) ([]mesh.Instance, error) {
			return []mesh.Instance{
				{ID: "a", Service: "pay", Version: "v1", State: mesh.Ready}, {ID: "b", Service: "pay", Version: "v2", State: mesh.Ready},
			}, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lead has a remedy lead until the test ends, or the function it returns is called.
func lead(t *testing.T, r *remedy.Remedy, j remedy.Journal) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx, j) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	synctest.Wait()
	return stop
}

// Whoever leads goes by what people decide at the other control planes, and the next
// leader by what the last one has decided.
func TestSeveralControlPlanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		first, j := start(t)
		second := onJournal(t, j)
		broken := []mesh.Observation{bad("pay:v2", 9, 20), fine("pay:v1", 50)}
		if err := second.Report(ctx, broken); !errors.Is(err, remedy.ErrNotLeading) {
			t.Errorf("report to one that does not lead: %v", err)
		}
		for range 2 {
			if err := first.Report(ctx, broken); err != nil {
				t.Fatal(err)
			}
		}
		v := state(t, second)
		if v.Target != target("pay:v2") {
			t.Fatalf("at the other control plane: %+v", v)
		}
		if err := second.Hold(ctx, v.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := state(t, first); got.ID != v.ID || got.Phase != mesh.Tripped || !got.Held {
			t.Errorf("held elsewhere, an hour later: %+v", got)
		}
		if err := second.Release(ctx, v.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := first.Report(ctx, broken); err != nil {
				t.Fatal(err)
			}
		}
		if got := state(t, first); got.ID != "" {
			t.Errorf("tripped again at once after a release elsewhere: %+v", got)
		}
		if _, err := second.Trip(ctx, target("pay:v1"), "", "bob"); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Trip(ctx, target("pay:v1"), "", "bob"); !errors.Is(err, remedy.ErrAlreadyTripped) {
			t.Errorf("tripped twice: %v", err)
		}
	})
}

func TestTheNextLeaderGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{verdicts: map[string]mesh.Verdict{}}
		first, second := onJournal(t, j), onJournal(t, j)
		stop := lead(t, first, j)
		for range 2 {
			if err := first.Report(t.Context(), []mesh.Observation{bad("pay:v2", 9, 20), fine("pay:v1", 50)}); err != nil {
				t.Fatal(err)
			}
		}
		v := state(t, first)
		stop()
		if err := first.Report(t.Context(), nil); !errors.Is(err, remedy.ErrNotLeading) {
			t.Errorf("report to one that led: %v", err)
		}
		lead(t, second, j)
		time.Sleep(time.Minute)
		if got := state(t, second); got.ID != v.ID || got.Phase != mesh.Probing {
			t.Errorf("a minute later: %+v, want it probing", got)
		}
	})
}

// state is the one verdict in force, the zero one for none.
func state(t *testing.T, r *remedy.Remedy) mesh.Verdict {
	t.Helper()
	verdicts, err := r.Verdicts(t.Context())
	if err != nil || len(verdicts) > 1 {
		t.Fatalf("Verdicts = %v, %v", verdicts, err)
	}
	if len(verdicts) == 0 {
		return mesh.Verdict{}
	}
	return verdicts[0]
}

func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := start(t)
		ctx := t.Context()
		if _, err := r.Trip(ctx, target("pay:v9"), "", "ann"); !errors.Is(err, remedy.ErrUnknownTarget) {
			t.Errorf("Trip of nobody = %v", err)
		}
		v, err := r.Trip(ctx, target("pay"), "rent is due", "ann") // the whole service: no guard in the way
		if err != nil || v.By != "ann" || !v.Held || v.Until.Before(time.Now()) {
			t.Fatalf("Trip = %+v, %v", v, err)
		}
		j.last(t, mesh.EventTripped, "ann")
		if _, err := r.Trip(ctx, target("pay:v1"), "", "ann"); !errors.Is(err, remedy.ErrAlreadyTripped) {
			t.Errorf("Trip of a part = %v", err)
		}
		time.Sleep(10 * time.Minute)
		if got := state(t, r); got.ID != v.ID || got.Phase != mesh.Tripped || !got.Until.After(time.Now()) {
			t.Errorf("after ten minutes: %+v, want it held and renewed", got)
		}
		if err := r.Release(ctx, v.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		j.last(t, mesh.EventReleased, "bob")
		if err := r.Release(ctx, v.ID, "bob"); !errors.Is(err, remedy.ErrUnknownVerdict) {
			t.Errorf("Release of nothing = %v", err)
		}
		if len(j.verdicts) != 0 {
			t.Errorf("journal = %v, want nothing in force", j.verdicts)
		}
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := start(t)
		for range 2 {
			if err := r.Report(t.Context(), []mesh.Observation{bad("pay:v2", 9, 20), fine("pay:v1", 50)}); err != nil {
				t.Fatal(err)
			}
		}
		v := state(t, r)
		if v.Target != target("pay:v2") {
			t.Fatalf("in force: %+v", v)
		}
		time.Sleep(3600 * time.Millisecond)
		synctest.Wait()
		if got := state(t, r); got.Phase != mesh.Probing {
			t.Fatalf("after 3.6 s: %+v, want it probing", got)
		}
		if err := r.Hold(t.Context(), v.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		j.last(t, mesh.EventHeld, "ann")
		time.Sleep(time.Hour)
		if got := state(t, r); got.Phase != mesh.Tripped || !got.Held || got.Admit != 0 {
			t.Errorf("an hour later: %+v, want it tripped", got)
		}
		if err := r.Release(t.Context(), v.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		for range 10 { // the person's word stands for a while
			if err := r.Report(t.Context(), []mesh.Observation{bad("pay:v2", 9, 20), fine("pay:v1", 50)}); err != nil {
				t.Fatal(err)
			}
		}
		if got := state(t, r); got.ID != "" {
			t.Errorf("tripped again at once: %+v", got)
		}
		if err := r.Hold(t.Context(), v.ID, "ann"); !errors.Is(err, remedy.ErrUnknownVerdict) {
			t.Errorf("Hold of nothing = %v", err)
		}
	})
}

func TestNothingIsRememberedThatWasNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, j := start(t)
		synctest.Wait()
		away := errors.New("away")
		j.set(away)
		if _, err := r.Trip(t.Context(), target("pay:v1"), "", "ann"); !errors.Is(err, away) {
			t.Errorf("Trip = %v", err)
		}
		j.set(nil)
		if got := state(t, r); got.ID != "" {
			t.Errorf("in force without a journal: %+v", got)
		}
		if _, err := r.Trip(t.Context(), target("pay:v1"), "", "ann"); err != nil {
			t.Errorf("Trip = %v", err)
		}
	})
}

func TestVerdictsOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{away: errors.New("away"), verdicts: map[string]mesh.Verdict{"v": {ID: "v", Target: target("pay:v1"), Phase: mesh.Tripped}}}
		r, err := remedy.New(remedy.Default(), remedy.Deps{Journal: j, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Verdicts(t.Context()); err == nil {
			t.Error("Verdicts without a journal: no error")
		}
		j.set(nil)
		if got := state(t, r); got.ID != "v" {
			t.Errorf("Verdicts = %+v, want what the journal holds", got)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := remedy.New(remedy.Config{}, remedy.Deps{}); err == nil {
		t.Error("New with an empty configuration: no error")
	}
}
