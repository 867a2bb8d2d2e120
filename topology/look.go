package topology

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/anomaly"
	"github.com/sightline-mesh/sightline/topology/graph"
)

const (
	// fresh is how many of the newest seconds are read at every look, the running one
	// included; their rows are still coming in.
	fresh = 3
	// late is how far back one more second is read each time, by turns, for rows that
	// come later still.
	late = 8

	exampleTraces  = 5
	exampleTimeout = 250 * time.Millisecond // traces are welcome, time is pressing
	exampleAge     = 5 * time.Second        // after which a target's examples are asked for again
)

// examples are the traces last found for a target.
type examples struct {
	traces []string
	at     time.Time
}

// look reads the newest seconds, searches them, and reports.
func (t *Topology) look(ctx context.Context) error {
	now := time.Now()
	seconds, err := t.newest(ctx, now)
	if err != nil {
		return err
	}
	for _, s := range slices.Backward(seconds) { // oldest first
		t.observer.put(s)
	}
	verdicts, err := t.deps.Verdicts(ctx)
	if err != nil {
		return fmt.Errorf("read verdicts: %w", err)
	}
	seen, ok := t.observer.look(now, verdicts)
	if !ok {
		t.overlay.Store(&graph.Overlay{Verdicts: verdicts})
		return nil
	}
	for i := range seen {
		if seen[i].Anomaly != nil {
			seen[i].Anomaly.Traces = t.examples(ctx, seen[i], now)
		}
	}
	t.overlay.Store(&graph.Overlay{Verdicts: verdicts, Anomalies: seen})
	if err := t.deps.Report(ctx, seen); err != nil {
		return fmt.Errorf("report %d observations: %w", len(seen), err)
	}
	return nil
}

// newest reads the newest seconds and one older one, all at once.
func (t *Topology) newest(ctx context.Context, now time.Time) ([]anomaly.Second, error) {
	running := now.Truncate(time.Second)
	ages := make([]int, 0, fresh+1)
	for age := range fresh {
		ages = append(ages, age)
	}
	ages = append(ages, fresh+t.observer.turn(late-fresh))
	out := make([]anomaly.Second, len(ages))
	g, ctx := errgroup.WithContext(ctx)
	for i, age := range ages {
		g.Go(func() error {
			start := running.Add(-time.Duration(age) * time.Second)
			edges, err := t.read(ctx, signal.Window{Start: start, End: start.Add(time.Second)})
			if err != nil {
				return fmt.Errorf("edges of %s: %w", start.UTC().Format(time.TimeOnly), err)
			}
			out[i] = anomaly.Read(start, edges)
			return nil
		})
	}
	return out, g.Wait()
}

// examples finds traces that show an anomaly, if it can at once.
func (t *Topology) examples(ctx context.Context, o mesh.Observation, now time.Time) []string {
	have := t.traces[o.Target]
	if t.deps.Examples == nil || len(have.traces) > 0 && now.Sub(have.at) < exampleAge {
		return have.traces
	}
	ctx, cancel := context.WithTimeout(ctx, exampleTimeout)
	defer cancel()
	traces, err := t.deps.Examples(ctx, o.Target, signal.Window{Start: o.Start, End: o.End.Add(time.Second)}, exampleTraces)
	if err != nil || len(traces) == 0 {
		return have.traces // evidence without examples is evidence; ask again at the next look
	}
	t.traces[o.Target] = examples{traces: traces, at: now}
	return traces
}
