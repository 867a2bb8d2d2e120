package clickhouse

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/services.sql
	servicesByWindow string
	//go:embed sql/query/failed_traces.sql
	failedTraces string
	//go:embed sql/query/operations.sql
	operationsOfService string
	//go:embed sql/query/dependencies.sql
	dependenciesByWindow string
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

// Operation is a name under which a service made spans.
type Operation struct{ Name, Kind string }

// maxOperations bounds a list of names: a service that puts identifiers into them has
// any number.
const maxOperations = 10_000

// Operations lists, sorted, what a service did in a window, which is widened to whole
// hours; an empty kind is every kind.
func (s *Store) Operations(ctx context.Context, service, kind string, w signal.Window) ([]Operation, error) {
	scan := func(rows driver.Rows) (o Operation, err error) {
		err = rows.Scan(&o.Name, &o.Kind)
		return o, err
	}
	found, err := collect(ctx, s, operationsOfService, scan, []any{
		Param("service", service), Param("kind", kind), Param("start", w.Start.Unix()), Param("end", w.End.Unix()),
		Param("limit", maxOperations),
	})
	if err != nil {
		return nil, fmt.Errorf("list operations of %s: %w", service, err)
	}
	return found, nil
}

// Dependency is how often one service called another.
type Dependency struct {
	Parent, Child string
	Calls, Failed uint64
}

// Dependencies lists who called whom in a window, which is widened to begin with a
// whole minute, or hour where it is long: every request, not only those with spans.
func (s *Store) Dependencies(ctx context.Context, w signal.Window) ([]Dependency, error) {
	scan := func(rows driver.Rows) (d Dependency, err error) {
		err = rows.Scan(&d.Parent, &d.Child, &d.Calls, &d.Failed)
		return d, err
	}
	found, err := collect(ctx, s, counting(dependenciesByWindow), scan, counted(w))
	if err != nil {
		return nil, fmt.Errorf("list dependencies: %w", err)
	}
	return found, nil
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
