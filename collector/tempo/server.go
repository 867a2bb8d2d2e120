package tempo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

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
		"/api/echo":                       func(*http.Request) (any, error) { return plain("echo"), nil },
		"/api/status/buildinfo":           s.buildInfo,
		"/ready":                          s.ready,
	} {
		mux.HandleFunc("GET "+path, s.answer(f))
	}
	return mux
}

// plain is an answer of text, message one of protobuf; all others are JSON.
type (
	plain   string
	message []byte
)

func (s *Server) answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, kind := http.StatusOK, "application/json"
		var body []byte
		out, err := f(r)
		switch out := out.(type) {
		case plain:
			kind, body = "text/plain; charset=utf-8", []byte(out)
		case message:
			kind, body = "application/protobuf", out
		default:
			if err == nil {
				body, err = json.Marshal(out)
			}
		}
		if err != nil { // as text, which Grafana shows
			status, kind, body = httpStatus(err), "text/plain; charset=utf-8", []byte(err.Error())
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		if _, err := w.Write(body); err != nil {
			s.deps.Logger.DebugContext(r.Context(), "answer not taken", "error", err)
		}
	}
}

var errNotReady = errors.New("not ready")

func httpStatus(err error) int {
	switch {
	case errors.Is(err, clickhouse.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, clickhouse.ErrBadQuery):
		return http.StatusBadRequest
	case errors.Is(err, clickhouse.ErrBudget):
		return http.StatusUnprocessableEntity
	case errors.Is(err, errNotReady):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (s *Server) ready(r *http.Request) (any, error) {
	if err := s.deps.Ready(r.Context()); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotReady, err)
	}
	return plain("ready"), nil
}

// buildInfo names the version of Tempo whose API this is like: Grafana asks it what it
// may ask for.
func (*Server) buildInfo(*http.Request) (any, error) {
	return map[string]string{"version": "2.9.0", "revision": "sightline", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}, nil
}

// bad says that a parameter is wrong, and what would be right.
func bad(name, value, want string) error {
	return fmt.Errorf("%w: parameter %s is %q; want %s", clickhouse.ErrBadQuery, name, value, want)
}

func whole(p url.Values, name string, otherwise int) (int, error) {
	v := p.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return 0, bad(name, v, "a whole number, not below 0")
	}
	return int(n), nil
}

// instant reads seconds since the epoch; zero where there are none.
func instant(p url.Values, name string) (time.Time, error) {
	v := p.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, bad(name, v, "seconds since 1970")
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

func length(p url.Values, name string) (time.Duration, error) {
	v := p.Get(name)
	if v == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, bad(name, v, "a duration such as 250ms")
	}
	return d, nil
}
