package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/edges.sql
	edgesByWindow string
	//go:embed sql/query/edges_by_second.sql
	edgesBySecond string
	//go:embed sql/query/counted.sql
	countedRows string
)

// counting is a statement with the condition that counts every request once; see counted
// for its parameters.
func counting(statement string) string {
	return strings.ReplaceAll(statement, "{{counted}}", countedRows)
}

// counted are the parameters of a statement of counting: its window, and the rows per
// minute, or per hour, in which it finds of whom sidecars spoke.
func counted(w signal.Window) []any {
	table, start := "red_1m", roundDown(w.Start.Unix(), secondsPerMinute)
	if w.End.Sub(w.Start) >= veryLongWindow {
		table, start = "red_1h", roundDown(w.Start.Unix(), secondsPerHour)
	}
	return []any{
		Param("start", w.Start.Unix()), Param("end", w.End.Unix()),
		Param("rollup", table), Param("rollup_start", start),
	}
}

// From where on the minutes, and the hours, of a window are read as such.
const (
	longWindow     = 5 * time.Minute
	veryLongWindow = 3 * time.Hour
)

// Edges yields what each caller did to each version and instance of each callee in a
// window, once, in no order. Every request counts once: as its source saw it, or as
// its destination did where the source is outside the mesh. The window is cut to
// whole seconds. No traffic is an empty sequence. After an error it yields nothing.
func (s *Store) Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	c := cutWindow(w)
	return edges(ctx, s, counting(edgesByWindow), scanEdge, append(counted(w),
		Param("first_minute", c.firstMinute), Param("last_minute", c.lastMinute),
		Param("first_hour", c.firstHour), Param("last_hour", c.lastHour)))
}

// EdgeSeconds yields what Edges does of each second of a window by itself, but for what
// an EdgeSecond leaves out. It reads the rows per second alone, however long the window.
func (s *Store) EdgeSeconds(ctx context.Context, w signal.Window) iter.Seq2[signal.EdgeSecond, error] {
	return edges(ctx, s, counting(edgesBySecond), scanEdgeSecond, counted(w))
}

// edges runs a query when it is ranged over, and yields its rows as they come.
func edges[T any](ctx context.Context, s *Store, statement string, scan func(driver.Rows) (T, error), params []any) iter.Seq2[T, error] {
	var none T
	return func(yield func(T, error) bool) {
		rows, err := s.Query(ctx, statement, params...)
		if err != nil {
			yield(none, fmt.Errorf("read edges: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scan(rows)
			if err != nil {
				yield(none, fmt.Errorf("read edges: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, fmt.Errorf("read edges: %w", err))
		}
	}
}

func scanEdgeSecond(rows driver.Rows) (signal.EdgeSecond, error) {
	var e signal.EdgeSecond
	err := rows.Scan(&e.Time, &e.Source, &e.SourceVersion, &e.Destination, &e.DestinationVersion, &e.Instance,
		&e.Requests, &e.Failed, &e.Flags)
	return e, err
}

func scanEdge(rows driver.Rows) (signal.Edge, error) {
	var e signal.Edge
	err := rows.Scan(&e.Source, &e.SourceVersion, &e.Destination, &e.DestinationVersion, &e.Instance, &e.Protocol,
		&e.Requests, &e.Failed, &e.MTLS, &e.Flags, &e.Durations.Sum, &e.Durations.Buckets, &e.BytesIn, &e.BytesOut)
	for _, n := range e.Durations.Buckets {
		e.Durations.Count += n
	}
	return e, err
}

// cut says, in Unix seconds, which part of a window is made of whole minutes, and which
// part of that of whole hours. A part that is not worth it is empty, at the end of what is
// around it.
type cut struct{ firstMinute, lastMinute, firstHour, lastHour int64 }

func cutWindow(w signal.Window) cut {
	start, end, length := w.Start.Unix(), w.End.Unix(), w.End.Sub(w.Start)
	if length < longWindow {
		return cut{end, end, end, end}
	}
	c := cut{firstMinute: roundUp(start, secondsPerMinute), lastMinute: roundDown(end, secondsPerMinute)}
	c.firstHour, c.lastHour = c.lastMinute, c.lastMinute
	if length >= veryLongWindow {
		c.firstHour, c.lastHour = roundUp(start, secondsPerHour), roundDown(end, secondsPerHour)
	}
	return c
}

const (
	secondsPerMinute = 60
	secondsPerHour   = 3600
)

func roundDown(t, to int64) int64 { return t / to * to }
func roundUp(t, to int64) int64   { return roundDown(t+to-1, to) }
