package topology

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore has twenty requests a second to pay, half of them to v2, and can be away.
type fakeStore struct {
	mu       sync.Mutex
	asked    int
	away     error
	failing  bool // v2 fails
	silent   bool // no rows any more
	reported [][]mesh.Observation
	verdicts []mesh.Verdict
}

func (f *fakeStore) Edges(_ context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	edges, away := f.edges(uint64(10 * w.End.Sub(w.Start).Seconds()))
	return func(yield func(signal.Edge, error) bool) {
		if away != nil {
			yield(signal.Edge{}, away)
			return
		}
		for _, e := range edges {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (f *fakeStore) EdgeSeconds(_ context.Context, w signal.Window) iter.Seq2[signal.EdgeSecond, error] {
	edges, away := f.edges(10)
	return func(yield func(signal.EdgeSecond, error) bool) {
		if away != nil {
			yield(signal.EdgeSecond{}, away)
			return
		}
		for at := w.Start; at.Before(w.End); at = at.Add(time.Second) {
			for _, e := range edges {
				if !yield(signal.EdgeSecond{Time: at, Edge: e}, nil) {
					return
				}
			}
		}
	}
}

// edges are those of n requests to each version.
func (f *fakeStore) edges(n uint64) ([]signal.Edge, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.silent || f.away != nil {
		return nil, f.away
	}
	v2 := signal.Edge{Source: "web", SourceVersion: "v1", Destination: "pay", DestinationVersion: "v2", Instance: "b", Requests: n}
	v1 := v2
	v1.DestinationVersion, v1.Instance = "v1", "a"
	if f.failing {
		v2.Failed = n
	}
	return []signal.Edge{v1, v2}, nil
}

func (f *fakeStore) report(_ context.Context, seen []mesh.Observation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reported = append(f.reported, seen)
	return nil
}

// set changes the store and forgets what was reported.
func (f *fakeStore) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.reported = nil
}

func (f *fakeStore) last(t *testing.T) []mesh.Observation {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.reported) == 0 {
		t.Fatal("nothing was reported")
	}
	return f.reported[len(f.reported)-1]
}

func (f *fakeStore) start(t *testing.T) *Topology {
	t.Helper()
	top := New(Config{}, Deps{
		Edges: f,
		Examples: func(_ context.Context, _ mesh.Target, w signal.Window, limit int) ([]string, error) {
			if w.End.Sub(w.Start) > 10*time.Second || limit != 5 {
				t.Errorf("asked for %d traces of %s", limit, w.End.Sub(w.Start))
			}
			return []string{"abc"}, nil
		},
		Verdicts: func(context.Context) ([]mesh.Verdict, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.verdicts, nil
		},
		Report: f.report,
		Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- top.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return top
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestOneQuestionALook: two looks a second and a graph every other one.
func TestOneQuestionALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{}
		f.start(t)
		wait(time.Minute + time.Millisecond)
		if most := 121 + 31; f.asked > most {
			t.Errorf("%d questions to the store in a minute, want at most %d", f.asked, most)
		}
	})
}

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{}
		top := f.start(t)
		wait(30 * time.Second)
		if seen := f.last(t); len(seen) != 0 {
			t.Errorf("reported in calm:%s", list(seen))
		}
		f.set(func() { f.failing = true })
		wait(3 * time.Second)
		var got []string
		for _, o := range f.last(t) {
			s := o.Target.String()
			if o.Anomaly != nil {
				s += " " + o.Anomaly.Traces[0]
			}
			got = append(got, s)
		}
		if diff := cmp.Diff([]string{"pay:v1", "pay:v2 abc", "pay:v2/b abc"}, got); diff != "" {
			t.Errorf("reported (-want +got):\n%s", diff)
		}
		wait(2 * time.Second)
		g := top.Current()
		if len(g.Edges) != 1 || g.Edges[0].Anomaly == "" {
			t.Errorf("edges = %+v, want one with an anomaly", g.Edges)
		}
	})
}

func TestWatchesVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{}
		top := f.start(t)
		wait(10 * time.Second)
		v := mesh.Verdict{ID: "1", Target: mesh.Target{Service: "pay", Version: "v2"}, Phase: mesh.Tripped}
		f.set(func() {
			f.verdicts = []mesh.Verdict{v, {ID: "2", Target: mesh.Target{Service: "pay", Instance: "a"}, Phase: mesh.Tripped}}
		})
		wait(2 * time.Second)
		seen := f.last(t)
		if len(seen) != 2 || seen[0].Target.Instance != "a" || seen[1].Target != v.Target || seen[1].End.Sub(seen[1].Start) != 5*time.Second {
			t.Fatalf("reported:%s", list(seen))
		}
		v.Phase = mesh.Probing
		since := time.Now()
		f.set(func() { f.verdicts = []mesh.Verdict{v} })
		wait(20 * time.Second)
		seen = f.last(t)
		if len(seen) != 1 || seen[0].Start.Before(since) || seen[0].Start.After(since.Add(2*time.Second)) || seen[0].Requests < 150 {
			t.Errorf("probing since %s, reported from %s to %s: %d", since, seen[0].Start, seen[0].End, seen[0].Requests)
		}
		if got := top.Current().Edges[0].Breaker; got != graph.Probing {
			t.Errorf("the edge is %q", got)
		}
	})
}

func TestStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{away: errors.New("away")}
		top := f.start(t)
		wait(time.Minute)
		if g := top.Current(); !g.End.IsZero() || len(g.Nodes) != 0 {
			t.Errorf("a graph out of nothing: %+v", g)
		}
		if _, err := top.At(t.Context(), time.Now(), time.Minute); err == nil {
			t.Error("At: no error")
		}
		f.set(func() { f.away = nil })
		wait(5 * time.Second)
		f.set(func() { f.away, f.failing = errors.New("away"), true })
		since := time.Now()
		wait(time.Minute)
		if len(f.reported) != 0 {
			t.Errorf("%d reports without a store", len(f.reported))
		}
		if g := top.Current(); g.End.Before(since.Add(-3*time.Second)) || g.End.After(since) || len(g.Nodes) != 2 {
			t.Errorf("the graph ends %s after the store went, with %d nodes; want the last one", g.End.Sub(since), len(g.Nodes))
		}
	})
}

func TestNoRowsIsNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{}
		f.start(t)
		wait(20 * time.Second)
		f.set(func() { f.silent = true })
		wait(10 * time.Second)
		f.set(func() {})
		wait(time.Minute)
		if len(f.reported) != 0 {
			t.Errorf("%d reports without a row", len(f.reported))
		}
	})
}

func TestAt(t *testing.T) {
	top := New(Config{}, Deps{Edges: &fakeStore{}})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	g, err := top.At(t.Context(), at, time.Minute)
	if err != nil || !g.End.Equal(at) || !g.Start.Equal(at.Add(-time.Minute)) || g.Nodes[0].RPS != 20 {
		t.Errorf("At = %+v, %v", g, err)
	}
}
