package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/edges.sql
	edgesOfTable string
	//go:embed sql/query/edges_since.sql
	edgesKeptSince string
	//go:embed sql/query/spoken_of.sql
	spokenOf string
	//go:embed sql/query/edges_by_second.sql
	edgesBySecond string
	//go:embed sql/query/counted.sql
	countedRows string
)

// counting is a statement with the condition that counts every request once; see counted
// for its parameters.
func counting(statement string) string {
	return strings.ReplaceAll(statement, "{{counted}}", strings.ReplaceAll(countedRows, "{{spoken_of}}", spokenOf))
}

// counted are the parameters of a statement of counting: its window, and those of spokenIn.
func counted(w signal.Window) []any {
	return append(spokenIn(w), Param("start", w.Start.Unix()))
}

// Edges yields what each caller did to each version and instance of each callee in a
// window, once, in no order. Every request counts once: as its source saw it, or as
// its destination did where the source is outside the mesh. The window is cut to
// whole seconds. No traffic is an empty sequence. After an error it yields nothing.
func (s *Store) Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	return func(yield func(signal.Edge, error) bool) {
		all, err := s.edges(ctx, w)
		if err != nil {
			yield(signal.Edge{}, fmt.Errorf("read edges: %w", err))
			return
		}
		for _, e := range all {
			if !yield(*e, nil) {
				return
			}
		}
	}
}

// edges asks each table that has a part of the window, at once, and brings together what
// they say.
func (s *Store) edges(ctx context.Context, w signal.Window) (map[edgeKey]*signal.Edge, error) {
	since, err := s.edgesSince(ctx)
	if err != nil {
		return nil, err
	}
	readings := edgeReadings(w, since)
	parts := make([][]toldEdge, len(readings))
	g, asking := errgroup.WithContext(ctx)
	for i, r := range readings {
		g.Go(func() (err error) {
			parts[i], err = collect(asking, s, edgesOfTable, scanEdge, r.params())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return s.addUp(ctx, w, slices.Concat(parts...))
}

// addUp leaves out what apps say of services of which a sidecar has spoken.
func (s *Store) addUp(ctx context.Context, w signal.Window, told []toldEdge) (map[edgeKey]*signal.Edge, error) {
	spoken := map[string]bool{}
	if slices.ContainsFunc(told, func(t toldEdge) bool { return t.ofApp }) {
		services, err := collect(ctx, s, spokenOf, one[string], spokenIn(w))
		if err != nil {
			return nil, err
		}
		for _, service := range services {
			spoken[service] = true
		}
	}
	all := make(map[edgeKey]*signal.Edge, len(told))
	for i := range told {
		t := &told[i]
		if t.ofApp && spoken[t.edge.Destination] {
			continue
		}
		if known := all[keyOf(&t.edge)]; known != nil {
			addEdge(known, &t.edge)
		} else {
			all[keyOf(&t.edge)] = &t.edge
		}
	}
	return all, nil
}

// spokenIn are a statement's parameters by which it finds of whom sidecars spoke until the
// end of a window: in the rows per minute, or per hour.
func spokenIn(w signal.Window) []any {
	table, start := "red_1m", roundDown(w.Start.Unix(), secondsPerMinute)
	if w.End.Sub(w.Start) >= veryLongWindow {
		table, start = "red_1h", roundDown(w.Start.Unix(), secondsPerHour)
	}
	return []any{Param("end", w.End.Unix()), Param("rollup", table), Param("rollup_start", start)}
}

// edgesSince is the Unix second, the start of a minute, since when the tables edges and
// edges_1m have all rows.
func (s *Store) edgesSince(ctx context.Context) (int64, error) {
	if known := s.since.Load(); known != nil {
		return *known, nil
	}
	found, err := collect(ctx, s, edgesKeptSince, one[int64], nil)
	if err != nil {
		return 0, err
	}
	since := found[0] // an aggregate has one row
	s.since.Store(&since)
	return since, nil
}

// edgeKey is what tells edges apart.
type edgeKey struct{ source, sourceVersion, destination, destinationVersion, instance, protocol string }

func keyOf(e *signal.Edge) edgeKey {
	return edgeKey{e.Source, e.SourceVersion, e.Destination, e.DestinationVersion, e.Instance, e.Protocol}
}

// addEdge gives an edge what another part of the window has of it.
func addEdge(e, more *signal.Edge) {
	e.Requests += more.Requests
	e.Failed += more.Failed
	e.MTLS += more.MTLS
	e.BytesIn += more.BytesIn
	e.BytesOut += more.BytesOut
	if e.Flags == nil {
		e.Flags = make(map[string]uint64, len(more.Flags))
	}
	for flag, n := range more.Flags {
		e.Flags[flag] += n
	}
	e.Durations.Merge(more.Durations)
}

// EdgeSeconds yields what Edges does of each second of a window by itself, but for what
// an EdgeSecond leaves out. It reads the rows per second alone, however long the window.
func (s *Store) EdgeSeconds(ctx context.Context, w signal.Window) iter.Seq2[signal.EdgeSecond, error] {
	return func(yield func(signal.EdgeSecond, error) bool) {
		rows, err := s.Query(ctx, counting(edgesBySecond), counted(w)...)
		if err != nil {
			yield(signal.EdgeSecond{}, fmt.Errorf("read edges: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEdgeSecond(rows)
			if err != nil {
				yield(e, fmt.Errorf("read edges: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(signal.EdgeSecond{}, fmt.Errorf("read edges: %w", err))
		}
	}
}

func scanEdgeSecond(rows driver.Rows) (signal.EdgeSecond, error) {
	var e signal.EdgeSecond
	err := rows.Scan(&e.Time, &e.Source, &e.SourceVersion, &e.Destination, &e.DestinationVersion, &e.Instance,
		&e.Requests, &e.Failed, &e.Flags)
	return e, err
}

// toldEdge is an edge of one table, as sidecars or apps tell of it.
type toldEdge struct {
	edge  signal.Edge
	ofApp bool
}

func scanEdge(rows driver.Rows) (t toldEdge, err error) {
	e := &t.edge
	err = rows.Scan(&t.ofApp, &e.Source, &e.SourceVersion, &e.Destination, &e.DestinationVersion, &e.Instance, &e.Protocol,
		&e.Requests, &e.Failed, &e.MTLS, &e.Flags, &e.Durations.Sum, &e.Durations.Buckets, &e.BytesIn, &e.BytesOut)
	for _, n := range e.Durations.Buckets {
		e.Durations.Count += n
	}
	return t, err
}
