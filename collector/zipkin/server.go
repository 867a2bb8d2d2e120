package zipkin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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

// Attributes lists what there is to ask for.
type Attributes interface {
	AttributeKeys(ctx context.Context, w signal.Window) (clickhouse.Keys, error)
	AttributeValues(ctx context.Context, q clickhouse.ValueQuery) ([]clickhouse.AttributeValue, error)
}

// Deps is where the answers come from.
type Deps struct {
	Finder     Finder
	Names      Names
	Callers    Callers
	Attributes Attributes
	Logger     *slog.Logger
	Now        func() time.Time // nil is time.Now
}

// Server answers Zipkin's API.
type Server struct{ deps Deps }

// New makes a server; it starts nothing.
func New(d Deps) *Server {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Server{deps: d}
}

// Handler serves the API, below the root of what it sees.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]func(*http.Request) (any, error){
		"services":           s.services,
		"spans":              s.spanNames,
		"remoteServices":     s.remoteServices,
		"traces":             s.traces,
		"trace/{id}":         s.trace,
		"traceMany":          s.traceMany,
		"dependencies":       s.dependencies,
		"autocompleteKeys":   s.keys,
		"autocompleteValues": s.values,
	} {
		mux.HandleFunc("GET /api/v2/"+path, s.answer(f))
	}
	return mux
}

func (s *Server) answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, kind := http.StatusOK, "application/json"
		var body []byte
		out, err := f(r)
		if err == nil {
			body, err = json.Marshal(out)
		}
		if err != nil {
			status, kind, body = httpStatus(err), "text/plain; charset=utf-8", []byte(err.Error())
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		if _, err := w.Write(body); err != nil {
			s.deps.Logger.DebugContext(r.Context(), "answer not taken", "error", err)
		}
	}
}

func httpStatus(err error) int {
	switch {
	case errors.Is(err, clickhouse.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, clickhouse.ErrBadQuery):
		return http.StatusBadRequest
	case errors.Is(err, clickhouse.ErrBudget):
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// retention is how far back names are listed, recently how far tags are.
const (
	retention = 7 * 24 * time.Hour
	recently  = time.Hour
)

func (s *Server) last(length time.Duration) signal.Window {
	now := s.deps.Now()
	return signal.Window{Start: now.Add(-length), End: now.Add(time.Minute)} // clocks may be ahead
}

func (s *Server) services(r *http.Request) (any, error) {
	names, err := s.deps.Names.Services(r.Context(), s.last(retention))
	return some(names), err
}

// some is a list that is not null in JSON.
func some[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func (s *Server) spanNames(r *http.Request) (any, error) {
	service, err := required(r, "serviceName", "the name of a service")
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Names.Operations(r.Context(), service, "", s.last(retention))
	names := []string{}
	for _, o := range found { // sorted by name
		names = append(names, o.Name)
	}
	return slices.Compact(names), err
}

func (s *Server) remoteServices(r *http.Request) (any, error) {
	service, err := required(r, "serviceName", "the name of a service")
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Callers.Dependencies(r.Context(), s.last(24*time.Hour))
	names := []string{}
	for _, d := range found { // sorted
		if d.Parent == service {
			names = append(names, d.Child)
		}
	}
	return names, err
}

type link struct {
	Parent     string `json:"parent"`
	Child      string `json:"child"`
	CallCount  uint64 `json:"callCount"`
	ErrorCount uint64 `json:"errorCount,omitempty"`
}

func (s *Server) dependencies(r *http.Request) (any, error) {
	if _, err := required(r, "endTs", "milliseconds since 1970"); err != nil {
		return nil, err
	}
	w, err := s.window(r.URL.Query())
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Callers.Dependencies(r.Context(), w)
	out := []link{}
	for _, d := range found {
		out = append(out, link{d.Parent, d.Child, d.Calls, d.Failed})
	}
	return out, err
}

func (s *Server) keys(r *http.Request) (any, error) {
	keys, err := s.deps.Attributes.AttributeKeys(r.Context(), s.last(recently))
	all := append(some(keys.Span), keys.Resource...)
	slices.Sort(all)
	return slices.Compact(all), err
}

func (s *Server) values(r *http.Request) (any, error) {
	key, err := required(r, "key", "the name of a tag")
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Attributes.AttributeValues(r.Context(), clickhouse.ValueQuery{
		Of: []filter.Comparison{{Key: key, Scope: filter.Span}, {Key: key, Scope: filter.Resource}}, Window: s.last(recently),
	})
	all := []string{}
	for _, v := range found {
		all = append(all, v.Text)
	}
	return slices.Compact(all), err
}

// bad says that a parameter is wrong, and what would be right.
func bad(name, value, want string) error {
	return fmt.Errorf("%w: parameter %s is %q; want %s", clickhouse.ErrBadQuery, name, value, want)
}

func required(r *http.Request, name, want string) (string, error) {
	v := strings.TrimSpace(r.URL.Query().Get(name))
	if v == "" {
		return "", bad(name, v, want)
	}
	return v, nil
}

func whole(p url.Values, name string, otherwise int64) (int64, error) {
	v := p.Get(name)
	if v == "" {
		return otherwise, nil
	}
	const most = 1 << 53 // so that none overflows when it is taken for microseconds
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, bad(name, v, "a whole number, not below 0")
	}
	return n, nil
}

// window ends at endTs and begins lookback before, both in milliseconds.
func (s *Server) window(p url.Values) (signal.Window, error) {
	end, err := whole(p, "endTs", s.deps.Now().Add(time.Minute).UnixMilli())
	if err != nil {
		return signal.Window{}, err
	}
	lookback, err := whole(p, "lookback", (24 * time.Hour).Milliseconds())
	return signal.Window{Start: time.UnixMilli(end - min(lookback, end)), End: time.UnixMilli(end)}, err
}
