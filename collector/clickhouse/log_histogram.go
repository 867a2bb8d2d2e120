package clickhouse

import (
	"context"
	_ "embed"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/log_histogram.sql
var logHistogram string

type logCount struct {
	bin   uint32
	class string
	rows  uint64
}

// LogHistogram counts the rows that a search is about, by severity, in so many parts of
// its time.
func (s *Store) LogHistogram(ctx context.Context, q signal.LogQuery, bins int) (signal.LogHistogram, error) {
	c, err := compileLogs(logHistogram, &q)
	if err != nil {
		return signal.LogHistogram{}, err
	}
	w := window(q.Start, q.End, time.Now())
	step := steps(w, bins)
	h := signal.LogHistogram{Start: w.Start, End: w.End, StepMS: step.Milliseconds(), Bins: map[string][]uint64{}}
	c.window = w
	c.params = append(c.params, Param("origin", nanos(w.Start)), Param("step", step.Nanoseconds()))
	_, h.Partial, err = countBack(ctx, s, c, scanLogCount, func(n logCount) {
		if h.Bins[n.class] == nil {
			h.Bins[n.class] = make([]uint64, bins)
		}
		h.Bins[n.class][min(int(n.bin), bins-1)] += n.rows
		h.Total += n.rows
	})
	if err != nil {
		return signal.LogHistogram{}, err
	}
	h.Partial = besides(h.Partial, s.Lacks(ctx, w, tableOfLogs))
	return h, nil
}

func scanLogCount(rows driver.Rows) (n logCount, err error) {
	err = rows.Scan(&n.bin, &n.class, &n.rows)
	return n, err
}
