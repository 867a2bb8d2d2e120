package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/series.sql
var seriesOfService string

// maxPoints bounds the points of one series, as Prometheus does.
const maxPoints = 11_000

// Series is the RED series of the requests towards a service: one point per step from
// the window's start on, zero where nothing happened. Quantiles are read from merged
// buckets and are within 4.5 % of the truth. Steps are whole seconds; steps of whole
// minutes or hours begin with the minute or hour in which the window does.
func (s *Store) Series(ctx context.Context, service string, w signal.Window, step time.Duration) ([]signal.Point, error) {
	if step < time.Second || step%time.Second != 0 {
		return nil, fmt.Errorf("%w: step %v is not a whole number of seconds", ErrBadQuery, step)
	}
	table, start, end := "red", w.Start.Unix(), w.End.Unix()
	switch {
	case step%time.Hour == 0:
		table, start = "red_1h", roundDown(start, secondsPerHour)
	case step%time.Minute == 0:
		table, start = "red_1m", roundDown(start, secondsPerMinute)
	}
	seconds := int64(step / time.Second)
	count := (end - start + seconds - 1) / seconds
	if count <= 0 || count > maxPoints {
		return nil, fmt.Errorf("%w: %d points between start and end; want 1 to %d", ErrBadQuery, count, maxPoints)
	}
	steps, err := collect(ctx, s, seriesOfService, scanStep, []any{
		Param("table", table), Param("service", service),
		Param("start", start), Param("end", end), Param("step", seconds),
	})
	if err != nil {
		return nil, fmt.Errorf("read series of %s: %w", service, err)
	}
	points := make([]signal.Point, count)
	for i := range points {
		points[i].Time = time.Unix(start+int64(i)*seconds, 0).UTC()
	}
	for _, v := range steps {
		v.fill(&points[v.index], float64(seconds))
	}
	return points, nil
}

// redStep is what one step of a series counted.
type redStep struct {
	index            int64
	requests, failed uint64
	durations        signal.Histogram
}

func scanStep(rows driver.Rows) (redStep, error) {
	var v redStep
	err := rows.Scan(&v.index, &v.requests, &v.failed, &v.durations.Buckets)
	return v, err
}

func (v redStep) fill(p *signal.Point, seconds float64) {
	p.Requests = float64(v.requests) / seconds
	p.Failed = float64(v.failed) / seconds
	p.P50 = v.durations.Quantile(0.50)
	p.P95 = v.durations.Quantile(0.95)
	p.P99 = v.durations.Quantile(0.99)
}
