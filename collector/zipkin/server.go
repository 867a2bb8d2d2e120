package zipkin

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/answer"
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
		mux.HandleFunc("GET /api/v2/"+path, answer.Handler(s.deps.Logger, f))
	}
	return mux
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

func required(r *http.Request, name, want string) (string, error) {
	v := strings.TrimSpace(r.URL.Query().Get(name))
	if v == "" {
		return "", answer.Bad(name, v, want)
	}
	return v, nil
}

func whole(p url.Values, name string, otherwise int64) (int64, error) {
	const most = 1 << 53 // so that none overflows when it is taken for microseconds
	return answer.Whole(p, name, otherwise, most)
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
