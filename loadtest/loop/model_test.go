package loop_test

import (
	"context"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
	"github.com/sightline-mesh/sightline/topology"
)

// model is a mesh in which checkout calls two versions of payments, one instance
// each, and a gateway calls checkout. It must be used in a synctest bubble.
type model struct {
	rps     float64       // to payments in all
	delay   time.Duration // from the end of a second until its rows are stored
	breaker int           // consecutive failures after which the caller's own breaker trips; 0 is never
	usual   float64       // share of requests that fails without a fault
	random  *rand.Rand

	mu       sync.Mutex
	fault    float64 // share of v2's requests that fails now
	rows     map[int64][]signal.Edge
	verdicts map[string]mesh.Verdict
	revision int64 // grows with each Save
	events   []mesh.Event
	failed   int // requests that failed at v2

	inARow int       // failures at v2
	until  time.Time // the caller's own breaker keeps v2 tripped
	rest   time.Duration
}

// Load and Save make the model a remedy.Journal.
func (m *model) Load(context.Context) ([]mesh.Verdict, int64, error) {
	verdicts := m.inForce()
	m.mu.Lock()
	defer m.mu.Unlock()
	return verdicts, m.revision, nil
}

func (m *model) Save(_ context.Context, revision int64, verdicts []mesh.Verdict, events []mesh.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision != m.revision {
		return remedy.ErrChanged
	}
	m.revision++
	for _, v := range verdicts {
		if m.verdicts[v.ID] = v; v.Phase == mesh.Released {
			delete(m.verdicts, v.ID)
		}
	}
	m.events = append(m.events, events...)
	return nil
}

// Edges and EdgeSeconds make the model a topology.EdgeSource.
func (m *model) Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	return func(yield func(signal.Edge, error) bool) {
		for e, err := range m.EdgeSeconds(ctx, w) {
			if !yield(e.Edge, err) {
				return
			}
		}
	}
}

func (m *model) EdgeSeconds(_ context.Context, w signal.Window) iter.Seq2[signal.EdgeSecond, error] {
	return func(yield func(signal.EdgeSecond, error) bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for s := w.Start.Unix(); s < w.End.Unix(); s++ {
			if time.Since(time.Unix(s+1, 0)) < m.delay {
				return // not stored yet
			}
			for _, e := range m.rows[s] {
				if !yield(signal.EdgeSecond{Time: time.Unix(s, 0), Edge: e}, nil) {
					return
				}
			}
		}
	}
}

// seen is how many requests failed and what was told, up to now.
func (m *model) seen() (failed int, events []mesh.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed, slices.Clone(m.events)
}

func (m *model) inForce() []mesh.Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []mesh.Verdict
	for _, v := range m.verdicts {
		out = append(out, v)
	}
	return out
}

// serve sends requests until ctx ends.
func (m *model) serve(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(float64(time.Second) / m.rps))
		m.request()
	}
}

func (m *model) request() {
	m.mu.Lock()
	defer m.mu.Unlock()
	toV2 := m.random.IntN(2) == 1 && m.admitted()
	failed := uint64(0)
	if m.random.Float64() < m.usual {
		failed = 1
	}
	version := "v1"
	if toV2 {
		version = "v2"
		if m.random.Float64() < m.fault {
			failed = 1
		}
		m.count(failed)
	}
	m.row("checkout", "payments", version, failed)
	m.row("gateway", "checkout", "v1", failed)
}

// admitted asks the verdicts and the caller's own breaker.
func (m *model) admitted() bool {
	for _, v := range m.verdicts {
		if v.Target.Version == "v2" && m.random.Float64() >= v.Admit {
			return false
		}
	}
	return time.Now().After(m.until)
}

func (m *model) count(failed uint64) {
	m.failed += int(failed)
	switch {
	case failed == 0:
		m.inARow, m.rest = 0, 0
	case m.breaker > 0:
		if m.inARow++; m.inARow >= m.breaker {
			m.rest = min(max(2*m.rest, time.Second), time.Minute)
			m.until = time.Now().Add(m.rest)
		}
	}
}

func (m *model) row(source, destination, version string, failed uint64) {
	second := time.Now().Unix()
	rows := m.rows[second]
	for i := range rows {
		if rows[i].Source == source && rows[i].DestinationVersion == version && rows[i].Destination == destination {
			rows[i].Requests++
			rows[i].Failed += failed
			return
		}
	}
	e := signal.Edge{
		Source: source, SourceVersion: "v1", Destination: destination, DestinationVersion: version,
		Instance: destination + "-" + version, Requests: 1, Failed: failed,
	}
	m.rows[second] = append(rows, e)
}

func (m *model) setFault(share float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = share
}

// first is when the first event of a kind after a time was, as seconds since then.
func (m *model) first(kind mesh.EventKind, after time.Time) (float64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.Kind == kind && !e.Time.Before(after) {
			return e.Time.Sub(after).Seconds(), true
		}
	}
	return 0, false
}

// start runs topology and remedy over the model until the test ends.
func (m *model) start(t *testing.T) {
	t.Helper()
	m.rows, m.verdicts = map[int64][]signal.Edge{}, map[string]mesh.Verdict{}
	instance := func(s mesh.ServiceName, v mesh.Version) mesh.Instance {
		return mesh.Instance{ID: mesh.InstanceID(string(s) + "-" + string(v)), Service: s, Version: v, State: mesh.Ready}
	}
	r, err := remedy.New(remedy.Default(), remedy.Deps{
		Journal: m,
		Instances: func(context.Context) ([]mesh.Instance, error) {
			return []mesh.Instance{instance("checkout", "v1"), instance("payments", "v1"), instance("payments", "v2")}, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	top := topology.New(topology.Config{}, topology.Deps{
		Edges: m, Verdicts: r.Verdicts, Report: r.Report, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { m.serve(ctx) })
	parts.Go(func() { _ = r.Run(ctx, m) })
	parts.Go(func() { _ = top.Run(ctx) })
	t.Cleanup(func() { cancel(); parts.Wait() })
}
