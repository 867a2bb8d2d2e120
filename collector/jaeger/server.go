package jaeger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// Finder finds and reads traces.
type Finder interface {
	FindTraces(ctx context.Context, q clickhouse.TraceSearch) (signal.TracePage, error)
	Spans(ctx context.Context, id string) ([]clickhouse.StoredSpan, error)
}

// Names lists services and what they do.
type Names interface {
	Services(ctx context.Context, w signal.Window) ([]string, error)
	Operations(ctx context.Context, service, kind string, w signal.Window) ([]clickhouse.Operation, error)
}

// Callers knows who calls whom.
type Callers interface {
	Dependencies(ctx context.Context, w signal.Window) ([]clickhouse.Dependency, error)
}

// Deps is where the answers come from.
type Deps struct {
	Finder  Finder
	Names   Names
	Callers Callers
	Logger  *slog.Logger
	Now     func() time.Time // nil is time.Now
}

// Server answers Jaeger's protocols.
type Server struct{ deps Deps }

// New makes a server; it starts nothing.
func New(d Deps) *Server {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Server{deps: d}
}

// retention is how far back names are listed.
const retention = 7 * 24 * time.Hour

func (s *Server) recent() signal.Window {
	now := s.deps.Now()
	return signal.Window{Start: now.Add(-retention), End: now.Add(time.Minute)}
}

// services are those that made spans or took part in requests.
func (s *Server) services(ctx context.Context) ([]string, error) {
	names, err := s.deps.Names.Services(ctx, s.recent())
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	if names == nil {
		names = []string{}
	}
	return names, nil
}

func (s *Server) operations(ctx context.Context, service, kind string) ([]clickhouse.Operation, error) {
	if service == "" {
		return nil, fmt.Errorf("%w: no service; want the name of one", clickhouse.ErrBadQuery)
	}
	found, err := s.deps.Names.Operations(ctx, service, strings.ToLower(kind), s.recent())
	if err != nil {
		return nil, fmt.Errorf("list operations: %w", err)
	}
	return found, nil
}

// query is what all of Jaeger's protocols ask for.
type query struct {
	service, operation string
	attributes         map[string]string
	start, end         time.Time
	least, most        time.Duration // of a span
	limit              int           // 0 is 20
	cursor             string
	paged              bool // asked for page by page
}

// search translates a query: one span meets all of it.
func (q query) search() clickhouse.TraceSearch {
	var span filter.And
	add := func(key string, op filter.Op, v filter.Value) {
		span = append(span, filter.Comparison{Key: key, Op: op, Value: v})
	}
	if q.service != "" {
		add("service", filter.Equal, filter.TextValue(q.service))
	}
	if q.operation != "" {
		add("name", filter.Equal, filter.TextValue(q.operation))
	}
	if q.least > 0 {
		add("duration", filter.GreaterEqual, filter.DurationValue(q.least))
	}
	if q.most > 0 {
		add("duration", filter.LessEqual, filter.DurationValue(q.most))
	}
	for key, value := range q.attributes {
		span = append(span, tag(key, value))
	}
	return clickhouse.TraceSearch{Filters: []filter.Expr{span}, Start: q.start, End: q.end, Limit: q.limit, Cursor: q.cursor}
}

// tag is the condition for one of Jaeger's tags, some of which OTLP has fields for.
func tag(key, value string) filter.Expr {
	equal := func(key, value string) filter.Expr {
		return filter.Comparison{Key: key, Op: filter.Equal, Value: filter.TextValue(value)}
	}
	switch key {
	case "error":
		if value == "true" {
			return equal("status", "error")
		}
		return filter.Not{Of: equal("status", "error")}
	case "span.kind":
		return equal("kind", value)
	case "otel.status_code":
		return equal("status", value)
	case "otel.scope.name":
		return equal("scope.name", value)
	}
	return filter.Comparison{Key: key, Op: filter.Equal, Value: filter.WordValue(value)}
}

// found gives the spans of each trace that a query finds, one trace at a time, and the
// cursor of the next page. Traces that are gone when they are read are left out.
func (s *Server) found(ctx context.Context, q query, each func([]clickhouse.StoredSpan) error) (string, error) {
	page, err := s.deps.Finder.FindTraces(ctx, q.search())
	if err != nil {
		return "", fmt.Errorf("find traces: %w", err)
	}
	if page.Partial != "" {
		s.deps.Logger.WarnContext(ctx, "search ended early", "reason", page.Partial)
	}
	for _, t := range page.Traces {
		spans, err := s.deps.Finder.Spans(ctx, t.TraceID)
		if errors.Is(err, clickhouse.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if err := each(spans); err != nil {
			return "", err
		}
	}
	return page.Next, nil
}

// grpcError is an error as gRPC carries it.
func grpcError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	code := codes.Internal
	switch {
	case errors.Is(err, clickhouse.ErrNotFound):
		code = codes.NotFound
	case errors.Is(err, clickhouse.ErrBadQuery):
		code = codes.InvalidArgument
	case errors.Is(err, clickhouse.ErrBudget):
		code = codes.ResourceExhausted
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	}
	return status.Error(code, err.Error())
}
