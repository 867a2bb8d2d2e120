package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/edges.sql
var edgesByWindow string

// longWindow is from where on windows are read from the rows per minute.
const longWindow = time.Hour

// Edges yields what each caller did to each version and instance of each callee in a
// window, once, in no order. Every request counts once: as its source saw it, or as
// its destination did where the source is outside the mesh. The window is cut to
// whole seconds, and to whole minutes when it is an hour or longer. No traffic is an
// empty sequence. After an error it yields nothing.
func (s *Store) Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	return func(yield func(signal.Edge, error) bool) {
		table, start, end := redWindow(w, w.End.Sub(w.Start))
		rows, err := s.Query(ctx, edgesByWindow,
			Param("table", table), Param("start", start), Param("end", end))
		if err != nil {
			yield(signal.Edge{}, fmt.Errorf("read edges: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanEdge(rows)
			if err != nil {
				yield(signal.Edge{}, fmt.Errorf("read edges: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(signal.Edge{}, fmt.Errorf("read edges: %w", err))
		}
	}
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

// redWindow chooses between rows per second and rows per minute for a resolution and
// gives the window in Unix seconds, half-open.
func redWindow(w signal.Window, resolution time.Duration) (table string, start, end int64) {
	if resolution < longWindow {
		return "red", w.Start.Unix(), w.End.Unix()
	}
	const minute = 60
	return "red_1m", w.Start.Unix() / minute * minute, (w.End.Unix() + minute - 1) / minute * minute
}
