package hub

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a mesh that a test changes.
type source struct {
	mu    sync.Mutex
	state State
	at    time.Time // of the last change
	last  map[mesh.ServiceName]mesh.Snapshot
	fails int
	loads int
}

func (s *source) load(context.Context) (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if s.fails > 0 {
		s.fails--
		return State{}, errors.New("store is away")
	}
	next := State{
		Version: s.state.Version, Policies: s.state.Policies, Built: time.Now(),
		Policed: s.state.Policed, PolicedAt: s.state.PolicedAt,
		Snapshots: map[mesh.ServiceName]mesh.Snapshot{}, Changed: map[mesh.ServiceName]time.Time{},
	}
	for name, snap := range s.state.Snapshots {
		snap.Version = s.state.Version
		next.Snapshots[name] = compile.Kept(s.last, snap)
	}
	for _, all := range []map[mesh.ServiceName]mesh.Snapshot{s.last, next.Snapshots} {
		for name := range all {
			if !compile.Same(s.last, next.Snapshots, name) {
				next.Changed[name] = s.at
			}
		}
	}
	s.last = next.Snapshots
	return next, nil
}

// set makes the services the whole mesh; each has as many routes as said.
func (s *source) set(version uint64, services map[mesh.ServiceName][]mesh.Route) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Now()
	s.state = State{Version: version, Snapshots: map[mesh.ServiceName]mesh.Snapshot{}}
	for name, routes := range services {
		s.state.Snapshots[name] = mesh.Snapshot{Service: name, Known: true, Routes: routes}
	}
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

func to(services ...mesh.ServiceName) []mesh.Route {
	r := mesh.Route{}
	for _, s := range services {
		r.Destinations = append(r.Destinations, mesh.Destination{Service: s, Weight: 1})
	}
	return []mesh.Route{r}
}

// run starts a hub over src; the test's bubble ends it.
func run(t *testing.T, src *source, d Deps) *Hub {
	t.Helper()
	d.Load, d.Logger = src.load, slog.New(slog.DiscardHandler)
	h := New(Config{Quiet: 100 * time.Millisecond, Most: time.Second}, d)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	synctest.Wait()
	return h
}

func join(h *Hub, wants ...mesh.ServiceName) *Feed {
	f := h.Join(Joining{Instance: mesh.Instance{ID: "web-1", Service: "web"}, Build: "test"})
	if wants != nil {
		f.Want(wants)
	}
	return f
}

// next is the push that is due at once, or none.
func next(t *testing.T, f *Feed) (Push, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	p, err := f.Next(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return p, err == nil
}

func names(p Push) (out []mesh.ServiceName) {
	for _, s := range p.Snapshots {
		out = append(out, s.Service)
	}
	return out
}

func TestFeedSendsWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(10, map[mesh.ServiceName][]mesh.Route{"a": to("b"), "b": nil, "c": nil})
		h := run(t, src, Deps{})
		f := join(h)
		if p, ok := next(t, f); ok {
			t.Errorf("pushed %+v before it was asked for anything", p)
		}
		f.Want([]mesh.ServiceName{"a"})
		p, ok := next(t, f)
		if diff := cmp.Diff([]mesh.ServiceName{"a", "b"}, names(p)); !ok || diff != "" || p.Sequence != 1 || p.Version != 10 {
			t.Errorf("first push: %+v %s, want a and what its route names", p, diff)
		}
		if p, ok := next(t, f); ok {
			t.Errorf("pushed %+v although nothing changed", p)
		}
		src.set(20, map[mesh.ServiceName][]mesh.Route{"a": to("b"), "b": nil, "c": to("a")})
		h.Notify()
		time.Sleep(time.Second)
		if p, ok := next(t, f); ok {
			t.Errorf("pushed %+v although only c changed", p)
		}
		src.set(30, map[mesh.ServiceName][]mesh.Route{"a": to("b"), "b": to("b")})
		h.Notify()
		time.Sleep(time.Second)
		p, ok = next(t, f)
		if diff := cmp.Diff([]mesh.ServiceName{"b"}, names(p)); !ok || diff != "" || len(p.Services) != 2 || p.Sequence != 2 {
			t.Errorf("after a change of b: %+v %s", p, diff)
		}
		f.Want([]mesh.ServiceName{"a", "new"})
		p, ok = next(t, f)
		if diff := cmp.Diff([]mesh.ServiceName{"new"}, names(p)); !ok || diff != "" || p.Snapshots[0].Known {
			t.Errorf("after wanting a service no one knows: %+v %s", p, diff)
		}
		f.Want(nil)
		if p, ok := next(t, f); !ok || len(p.Services) != 0 {
			t.Errorf("after wanting nothing: %+v, %v, want an empty push", p, ok)
		}
	})
}

func TestSlowReaderSkipsVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"a": nil})
		h := run(t, src, Deps{})
		f := join(h, "a")
		next(t, f)
		for v := range uint64(5) {
			src.set(v+2, map[mesh.ServiceName][]mesh.Route{"a": make([]mesh.Route, v+1)})
			h.NotifyNow()
			synctest.Wait()
		}
		if p, ok := next(t, f); !ok || p.Version != 6 || p.Sequence != 2 {
			t.Errorf("got %+v, want version 6 as the second push", p)
		}
		if p, ok := next(t, f); ok {
			t.Errorf("got %+v after the newest", p)
		}
	})
}

func TestChangesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		h := run(t, src, Deps{})
		time.Sleep(time.Minute)
		loads := func(during func()) int {
			before := src.count()
			during()
			synctest.Wait()
			return src.count() - before
		}
		if n := loads(h.Notify); n != 1 {
			t.Errorf("%d loads at once for a change after a calm, want 1", n)
		}
		time.Sleep(time.Minute)
		ten := func() {
			for range 10 { // a second of a change each 100 ms
				h.Notify()
				time.Sleep(100 * time.Millisecond)
			}
		}
		if n := loads(ten); n != 10 {
			t.Errorf("%d loads for ten changes of a second, want each by itself", n)
		}
		flood := func(d time.Duration) func() {
			return func() {
				for range d / time.Millisecond {
					h.Notify()
					time.Sleep(time.Millisecond)
				}
			}
		}
		if n := loads(flood(2 * time.Second)); n > 15 {
			t.Errorf("%d loads in the first two seconds of a flood, want the gaps to grow", n)
		}
		if n := loads(flood(10 * time.Second)); n < 9 || n > 11 {
			t.Errorf("%d loads in ten more seconds of a flood, want one each second", n)
		}
		h.Notify()
		if n := loads(func() { time.Sleep(110 * time.Millisecond) }); n != 1 {
			t.Errorf("%d loads within 110 ms of a flood's end, want 1: nothing has changed for 100 ms", n)
		}
		h.Notify()
		if n := loads(h.NotifyNow); n != 1 {
			t.Errorf("%d loads at once for what must not wait, want 1", n)
		}
	})
}

func TestStateThatCannotBeLoadedIsLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{fails: 3}
		src.set(7, nil)
		h := run(t, src, Deps{})
		if h.State() != nil {
			t.Fatal("there is a state although none could be loaded")
		}
		time.Sleep(2 * time.Second)
		if s := h.State(); s == nil || s.Version != 7 {
			t.Errorf("state is %+v, want version 7", s)
		}
	})
}

func TestAnswersAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"a": nil})
		var refused []string
		h := run(t, src, Deps{Refused: func(i mesh.Instance, version uint64, reason string) {
			refused = append(refused, string(i.ID)+" "+reason)
		}})
		f := join(h, "a")
		status := func() mesh.ProxyStatus {
			for _, s := range h.Proxies() {
				if s.Instance.ID == "web-1" {
					return s
				}
			}
			t.Fatal("the sidecar is not shown")
			return mesh.ProxyStatus{}
		}
		first, _ := next(t, f)
		if s := status(); s.InSync || s.Pushed != 1 || s.Accepted != 0 || !s.Connected {
			t.Errorf("before the answer: %+v", s)
		}
		f.Answer(Answer{Sequence: first.Sequence, Accepted: true})
		if s := status(); !s.InSync || s.Accepted != 1 {
			t.Errorf("after the answer: %+v", s)
		}
		src.set(2, map[mesh.ServiceName][]mesh.Route{"a": to("a")})
		h.NotifyNow()
		synctest.Wait()
		second, _ := next(t, f)
		f.Answer(Answer{Sequence: second.Sequence, Reason: "bad regex"})
		f.Answer(Answer{Sequence: 99, Reason: "of a push that never was"})
		if s := status(); s.InSync || s.Accepted != 1 || s.Pushed != 2 || s.Refusal != "bad regex" {
			t.Errorf("after a refusal: %+v", s)
		}
		if diff := cmp.Diff([]string{"web-1 bad regex"}, refused); diff != "" {
			t.Errorf("refusals told: %s", diff)
		}
		until := time.Now().Add(time.Hour)
		h.Renewed("web-1", until)
		h.Renewed("web-2", until)
		if s := status(); !s.CertExpires.Equal(until) {
			t.Errorf("certificate ends at %s, want %s", s.CertExpires, until)
		}
	})
}

func TestNewerFeedTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, &source{}, Deps{})
		old := join(h, "a")
		next(t, old)
		ended := make(chan error, 1)
		go func() {
			_, err := old.Next(t.Context())
			ended <- err
		}()
		synctest.Wait()
		newer := join(h, "a")
		if err := <-ended; !errors.Is(err, ErrReplaced) {
			t.Errorf("older feed ended with %v, want ErrReplaced", err)
		}
		old.Leave()
		if n := len(h.Proxies()); n != 1 {
			t.Errorf("%d sidecars after the older left, want 1", n)
		}
		newer.Leave()
		if n := len(h.Proxies()); n != 0 {
			t.Errorf("%d sidecars after both left, want 0", n)
		}
	})
}
