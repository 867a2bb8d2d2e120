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

// longWindow is from where on the minutes of a window are read as such.
const longWindow = 5 * time.Minute

// Edges yields what each caller did to each version and instance of each callee in a
// window, once, in no order. Every request counts once: as its source saw it, or as
// its destination did where the source is outside the mesh. The window is cut to
// whole seconds. No traffic is an empty sequence. After an error it yields nothing.
func (s *Store) Edges(ctx context.Context, w signal.Window) iter.Seq2[signal.Edge, error] {
	return func(yield func(signal.Edge, error) bool) {
		first, last := wholeMinutes(w)
		rows, err := s.Query(ctx, edgesByWindow,
			Param("start", w.Start.Unix()), Param("end", w.End.Unix()),
			Param("first_minute", first), Param("last_minute", last))
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
