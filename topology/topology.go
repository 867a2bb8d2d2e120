// Package topology watches the mesh: it reads from the store who called whom, keeps
// the live service graph, and tells the control plane which versions and instances
// fail more than usual, with evidence.
//
// It decides nothing and acts on nothing. What it cannot see it does not report: when
// the store is away, the last graph stays with its age and no observation is made.
package topology

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/anomaly"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// EdgeSource reports the calls seen between services.
type EdgeSource interface {
	// Edges yields what each caller did to each version and instance of each callee
	// in the window, in no order. The window is half-open and cut to whole seconds.
	// No traffic is an empty sequence, not an error. After an error it yields nothing.
	// It may be called from several goroutines at once.
	Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error]
	// EdgeSeconds yields the same for each second of a short window by itself.
	EdgeSeconds(ctx context.Context, w signal.Window) iter.Seq2[signal.EdgeSecond, error]
}

// Config is how often topology looks and what it takes for unusual.
type Config struct {
	Interval   time.Duration  // between looks for anomalies; 0 is 500 ms
	GraphEvery time.Duration  // between live graphs; 0 is 2 s
	Window     time.Duration  // of the live graph; 0 is 60 s
	Forget     time.Duration  // time constant of what is usual; 0 is 10 min
	Rules      *anomaly.Rules // nil is anomaly.Default
}

func (c Config) withDefaults() Config {
	or := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	or(&c.Interval, 500*time.Millisecond)
	or(&c.GraphEvery, 2*time.Second)
	or(&c.Window, time.Minute)
	or(&c.Forget, 10*time.Minute)
	if c.Rules == nil {
		r := anomaly.Default()
		c.Rules = &r
	}
	return c
}

// Deps is what topology works with.
type Deps struct {
	Edges EdgeSource
	// Examples returns ids of traces with a failed request to the target in the
	// window, at most limit. It may be nil.
	Examples func(ctx context.Context, t mesh.Target, w signal.Window, limit int) ([]string, error)
	// Verdicts returns the verdicts in force.
	Verdicts func(ctx context.Context) ([]mesh.Verdict, error)
	// Report hands over what was seen: targets with an anomaly, their siblings, and
	// targets with a verdict. It is called after every look at fresh rows, with
	// nothing if all is as usual. While a target probes, its observation begins no
	// earlier than the probing.
	Report func(ctx context.Context, seen []mesh.Observation) error
	Logger *slog.Logger
}

// Topology watches the mesh. Its exported methods may be called from any goroutine.
type Topology struct {
	config Config
	deps   Deps
	graph  atomic.Pointer[graph.Graph]
	// overlay is what the newest look laid over the traffic; read by the graph's loop.
	overlay atomic.Pointer[graph.Overlay]

	// Owned by the goroutine that looks.
	observer *observer
	traces   map[mesh.Target]examples
}

// New prepares a topology; Run makes it watch.
func New(c Config, d Deps) *Topology {
	c = c.withDefaults()
	t := &Topology{config: c, deps: d, observer: newObserver(*c.Rules, c.Forget), traces: make(map[mesh.Target]examples)}
	t.graph.Store(graph.Build(signal.Window{}, nil, graph.Overlay{}))
	t.overlay.Store(&graph.Overlay{})
	return t
}

// Run watches until ctx ends. A store or a control plane that is away is waited for.
func (t *Topology) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.every(ctx, t.config.Interval, "look for anomalies", t.look) })
	g.Go(func() error { return t.every(ctx, t.config.GraphEvery, "build live graph", t.draw) })
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Current is the live graph. While the store is away it is the last one; its End
// tells its age. Before the first it is empty, with a zero End.
func (t *Topology) Current() *graph.Graph { return t.graph.Load() }

// At is the graph of the window that ends at a time. It shows no verdicts: those are
// of now.
func (t *Topology) At(ctx context.Context, at time.Time, window time.Duration) (*graph.Graph, error) {
	w := signal.Window{Start: at.Add(-window), End: at}
	edges, err := t.read(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("graph at %s: %w", at.UTC().Format(time.RFC3339), err)
	}
	return graph.Build(w, edges, graph.Overlay{}), nil
}

// every runs step at once and then at an interval, each run within at most two
// seconds or an interval. The first error of a row and its end are logged.
func (t *Topology) every(ctx context.Context, interval time.Duration, what string, step func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		limited, cancel := context.WithTimeout(ctx, max(interval, 2*time.Second))
		err := step(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !failing:
			t.deps.Logger.Warn("waiting to "+what, "reason", err)
		case err == nil && failing:
			t.deps.Logger.Info("able again to " + what)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (t *Topology) draw(ctx context.Context) error {
	now := time.Now().UTC()
	w := signal.Window{Start: now.Add(-t.config.Window), End: now}
	edges, err := t.read(ctx, w)
	if err != nil {
		return err
	}
	t.graph.Store(graph.Build(w, edges, *t.overlay.Load()))
	return nil
}

func (t *Topology) read(ctx context.Context, w signal.Window) ([]signal.Edge, error) {
	var out []signal.Edge
	for e, err := range t.deps.Edges.Edges(ctx, w) {
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
