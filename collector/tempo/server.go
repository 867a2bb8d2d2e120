package tempo

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// Finder finds and reads traces.
type Finder interface {
	FindTraces(ctx context.Context, q clickhouse.TraceSearch) (signal.TracePage, error)
	MatchingSpans(ctx context.Context, filters []filter.Expr, found []signal.TraceSummary, each int) (map[string]clickhouse.Matches, error)
	Spans(ctx context.Context, id string) ([]clickhouse.StoredSpan, error)
}

// Attributes lists what there is to ask for.
type Attributes interface {
	AttributeKeys(ctx context.Context, w signal.Window) (clickhouse.Keys, error)
	AttributeValues(ctx context.Context, q clickhouse.ValueQuery) ([]clickhouse.AttributeValue, error)
}

// Deps is where the answers come from.
type Deps struct {
	Finder     Finder
	Attributes Attributes
	Ready      func(ctx context.Context) error // nil is always ready
	Logger     *slog.Logger
	Now        func() time.Time // nil is time.Now
}

// Server answers Tempo's HTTP API.
type Server struct{ deps Deps }

// New makes a server; it starts nothing.
func New(d Deps) *Server {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Ready == nil {
		d.Ready = func(context.Context) error { return nil }
	}
	return &Server{deps: d}
}

// Handler serves the API, below the root of what it sees.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]func(*http.Request) (any, error){
		"/api/traces/{id}":                s.trace,
		"/api/v2/traces/{id}":             s.traceV2,
		"/api/search":                     s.search,
		"/api/search/tags":                s.tags,
		"/api/v2/search/tags":             s.tagsV2,
		"/api/search/tag/{tag}/values":    s.values,
		"/api/v2/search/tag/{tag}/values": s.valuesV2,
		"/api/echo":                       func(*http.Request) (any, error) { return answer.Text("echo"), nil },
		"/api/status/buildinfo":           s.buildInfo,
		"/ready":                          s.ready,
	} {
		mux.HandleFunc("GET "+path, answer.Handler(s.deps.Logger, f))
	}
	return mux
}

func (s *Server) ready(r *http.Request) (any, error) {
	if err := s.deps.Ready(r.Context()); err != nil {
		return nil, fmt.Errorf("%w: %w", answer.ErrNotReady, err)
	}
	return answer.Text("ready"), nil
}

// buildInfo names the version of Tempo whose API this is like: Grafana asks it what it
// may ask for.
func (*Server) buildInfo(*http.Request) (any, error) {
	return map[string]string{"version": "2.9.0", "revision": "sightline", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}, nil
}

func whole(p url.Values, name string, otherwise int) (int, error) {
	n, err := answer.Whole(p, name, int64(otherwise), math.MaxInt32)
	return int(n), err
}

// instant reads seconds since the epoch; zero where there are none.
func instant(p url.Values, name string) (time.Time, error) {
	v := p.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, answer.Bad(name, v, "seconds since 1970")
	}
	return time.Unix(seconds, 0), nil
}

func windowOf(p url.Values) (w signal.Window, err error) {
	if w.Start, err = instant(p, "start"); err != nil {
		return w, err
	}
	w.End, err = instant(p, "end")
	return w, err
}
