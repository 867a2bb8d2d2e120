package clickhouse

import (
	"context"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// retention is how long rows are kept, with a day to spare: nothing is older, so a
// search without a start need not look further back.
const retention = 8 * 24 * time.Hour

// collect runs a query and turns each of its rows into a T.
func collect[T any](ctx context.Context, s *Store, statement string, scan func(driver.Rows) (T, error), params []any) ([]T, error) {
	rows, err := s.Query(ctx, statement, params...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// one scans rows of a single column.
func one[T any](rows driver.Rows) (T, error) {
	var v T
	err := rows.Scan(&v)
	return v, err
}

// window fills in what a question leaves open: the end is now, the start as long ago
// as anything is kept.
func window(start, end, now time.Time) signal.Window {
	if end.IsZero() {
		end = now
	}
	if start.IsZero() {
		start = end.Add(-retention)
	}
	return signal.Window{Start: start, End: end}
}

// nanos is t since the epoch in nanoseconds, kept inside what the store can hold.
func nanos(t time.Time) int64 {
	const latest = math.MaxInt64 / int64(time.Second)
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= latest:
		return latest * int64(time.Second)
	}
	return t.UnixNano()
}

// limit is n, or the default where none was asked for, at most 1,000.
func limit(n, usual int) int {
	if n <= 0 {
		return usual
	}
	return min(n, 1000)
}

// back yields windows that end at w.End or where the one before began, each sixteen
// times as long: a question for the newest rows seldom needs the second.
func back(w signal.Window) func(yield func(signal.Window) bool) {
	return func(yield func(signal.Window) bool) {
		end := w.End
		for length := time.Minute; end.After(w.Start); length *= 16 {
			start := end.Add(-length)
			if start.Before(w.Start) || length > retention {
				start = w.Start
			}
			if !yield(signal.Window{Start: start, End: end}) {
				return
			}
			end = start
		}
	}
}
