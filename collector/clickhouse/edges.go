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

// counting is a statement with the condition that counts every request once.
func counting(statement string) string {
	return strings.ReplaceAll(statement, "{{counted}}", countedRows)
}

// longWindow is from where on the minutes of a window are read as such.
const longWindow = 5 * time.Minute

// Edges yields what each caller did to each version and instance of each callee in a
// window, once, in no order. Every request counts once: as its source saw it, or as
// its destination did where the source is outside the mesh. The window is cut to
// whole seconds. No traffic is an empty sequence. After an error it yields nothing.
func (s *Store) Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	first, last := wholeMinutes(w)
	return edges(ctx, s, counting(edgesByWindow), scanEdge, []any{
		Param("start", w.Start.Unix()), Param("end", w.End.Unix()),
		Param("first_minute", first), Param("last_minute", last),
	})
}

// EdgeSeconds yields what Edges does of each second of a window by itself, but for what
// an EdgeSecond leaves out. It reads the rows per second alone, however long the window.
func (s *Store) EdgeSeconds(ctx context.Context, w signal.Window) iter.Seq2[signal.EdgeSecond, error] {
	return edges(ctx, s, counting(edgesBySecond), scanEdgeSecond, []any{Param("start", w.Start.Unix()), Param("end", w.End.Unix())})
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

// wholeMinutes is the part of a window, in Unix seconds, that is made of whole minutes;
// it is empty, at the window's end, where the window is short.
func wholeMinutes(w signal.Window) (first, last int64) {
	start, end := w.Start.Unix(), w.End.Unix()
	if w.End.Sub(w.Start) < longWindow {
		return end, end
	}
	return (start + secondsPerMinute - 1) / secondsPerMinute * secondsPerMinute, end / secondsPerMinute * secondsPerMinute
}

const secondsPerMinute = 60
