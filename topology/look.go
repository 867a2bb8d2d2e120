package topology

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/anomaly"
	"github.com/sightline-mesh/sightline/topology/graph"
)

const (
	// fresh is how many of the newest seconds are read at every look, the running one
	// included: their rows are still coming in. Rows are seconds late where a sidecar
	// has to send them again; one question for more seconds costs little more.
	fresh = 8

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
	for _, s := range seconds {
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

// newest reads the newest seconds, oldest first, those without a row too.
func (t *Topology) newest(ctx context.Context, now time.Time) ([]anomaly.Second, error) {
	end := now.Truncate(time.Second).Add(time.Second) // of the running second
	w := signal.Window{Start: end.Add(-fresh * time.Second), End: end}
	var edges [fresh][]signal.Edge
	for e, err := range t.deps.Edges.EdgeSeconds(ctx, w) {
		if err != nil {
			return nil, fmt.Errorf("edges of the last %d seconds: %w", fresh, err)
		}
		if i := int(e.Time.Sub(w.Start) / time.Second); i >= 0 && i < fresh {
			edges[i] = append(edges[i], e.Edge)
		}
	}
	out := make([]anomaly.Second, fresh)
	for i := range out {
		out[i] = anomaly.Read(w.Start.Add(time.Duration(i)*time.Second), edges[i])
	}
	return out, nil
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
