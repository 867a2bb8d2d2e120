package clickhouse

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/services.sql
	servicesByWindow string
	//go:embed sql/query/failed_traces.sql
	failedTraces string
)

// Services lists, sorted, who made spans or took part in requests in a window, which
// is widened to whole hours for the former.
func (s *Store) Services(ctx context.Context, w signal.Window) ([]string, error) {
	names, err := collect(ctx, s, servicesByWindow, one[string],
		[]any{Param("start", w.Start.Unix()), Param("end", w.End.Unix())})
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	return names, nil
}

// FailureQuery selects failed requests towards a service; an empty Version or
// Instance selects every one.
type FailureQuery struct {
	Service, Version, Instance string
	Window                     signal.Window
	Limit                      int // at most 1,000; 0 is 5
}

// FailedTraces gives the ids of traces in which a request towards the target failed,
// the newest first. Requests that no sidecar sampled as a trace are not among them.
func (s *Store) FailedTraces(ctx context.Context, q FailureQuery) ([]string, error) {
	const usual = 5
	ids, err := collect(ctx, s, failedTraces, one[string], []any{
		Param("service", q.Service), Param("version", q.Version), Param("instance", q.Instance),
		Param("start", nanos(q.Window.Start)), Param("end", nanos(q.Window.End)),
		Param("limit", limit(q.Limit, usual)),
	})
	if err != nil {
		return nil, fmt.Errorf("find failed traces of %s: %w", q.Service, err)
	}
	return ids, nil
}
