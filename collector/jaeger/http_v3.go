package jaeger

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/jaeger/apiv3"
	"github.com/sightline-mesh/sightline/collector/otlp"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// encoded is a message in its JSON.
func encoded(m proto.Message) (any, error) {
	b, err := protojson.Marshal(m)
	return json.RawMessage(b), err
}

func (s *Server) v3Services(r *http.Request) (any, error) {
	names, err := s.services(r.Context())
	if err != nil {
		return nil, err
	}
	return map[string]any{"services": names}, nil
}

func (s *Server) v3Operations(r *http.Request) (any, error) {
	p := r.URL.Query()
	out, err := s.listed(r, p.Get("service"), either(p, "span_kind"))
	return map[string]any{"operations": out}, err
}

func (s *Server) v3Dependencies(r *http.Request) (any, error) {
	p := r.URL.Query()
	start, err := instant(p, "start_time")
	if err != nil {
		return nil, err
	}
	end, err := instant(p, "end_time")
	if err != nil {
		return nil, err
	}
	if start.IsZero() || end.IsZero() {
		return nil, answer.Bad("start_time and end_time", "", "the two")
	}
	found, err := s.deps.Callers.Dependencies(r.Context(), signal.Window{Start: start, End: end})
	if err != nil {
		return nil, err
	}
	out := &apiv3.DependenciesResponse{}
	for _, d := range found {
		out.Dependencies = append(out.Dependencies, &apiv3.Dependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls})
	}
	return encoded(out)
}

func (s *Server) v3Trace(r *http.Request) (any, error) {
	spans, err := s.deps.Finder.Spans(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return result(spans)
}

func (s *Server) v3Traces(r *http.Request) (any, error) {
	q, err := v3Query(r.URL.Query())
	if err != nil {
		return nil, err
	}
	traces, err := forEach(s, r, q, func(spans []clickhouse.StoredSpan) []clickhouse.StoredSpan { return spans })
	if err != nil {
		return nil, err
	}
	if len(traces) == 0 {
		return nil, fmt.Errorf("no trace meets the query: %w", clickhouse.ErrNotFound)
	}
	var all []clickhouse.StoredSpan
	for _, spans := range traces {
		all = append(all, spans...)
	}
	return result(all)
}

// result is OTLP's JSON, with its ids in hex, in the frame that streams have.
func result(spans []clickhouse.StoredSpan) (any, error) {
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(otlp.Traces(spans))
	if err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	return map[string]any{"result": json.RawMessage(b)}, nil
}

// either is a parameter by its name in snake_case or camelCase.
func either(p url.Values, name string) string {
	if v := p.Get(name); v != "" {
		return v
	}
	var camel strings.Builder
	up := false
	for _, r := range name {
		if r == '_' {
			up = true
			continue
		}
		if up {
			r, up = unicode.ToUpper(r), false
		}
		camel.WriteRune(r)
	}
	return p.Get(camel.String())
}

// instant reads a time of RFC 3339. Grafana sends the + of an offset as it is, which
// reads as a space.
func instant(p url.Values, name string) (time.Time, error) {
	v := either(p, name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(v, " ", "+", 1))
	if err != nil {
		return time.Time{}, answer.Bad(name, v, "a time such as 2026-03-01T12:00:00Z")
	}
	return t, nil
}

func v3Query(p url.Values) (query, error) {
	q := query{service: either(p, "query.service_name"), operation: either(p, "query.operation_name")}
	var err error
	if q.start, err = instant(p, "query.start_time_min"); err != nil {
		return q, err
	}
	if q.end, err = instant(p, "query.start_time_max"); err != nil {
		return q, err
	}
	if q.start.IsZero() || q.end.IsZero() {
		return q, answer.Bad("query.start_time_min and query.start_time_max", "", "the two")
	}
	for name, to := range map[string]*time.Duration{"query.duration_min": &q.least, "query.duration_max": &q.most} {
		if *to, err = answer.Length(url.Values{name: {either(p, name)}}, name); err != nil {
			return q, err
		}
	}
	depth, err := answer.Whole(url.Values{"d": {either(p, "query.search_depth")}}, "d", 0, math.MaxInt64)
	if err != nil {
		return q, answer.Bad("query.search_depth", either(p, "query.search_depth"), "a whole number")
	}
	q.limit = int(min(depth, maxTraces))
	if text := p.Get("query.attributes"); text != "" {
		if q.attributes, err = v1Tags(url.Values{"tags": {text}}); err != nil {
			return q, answer.Bad("query.attributes", text, "a JSON object of text")
		}
	}
	if either(p, "query.filter") != "" {
		return q, answer.Bad("query.filter", p.Get("query.filter"), "none: structured filters are not supported")
	}
	return q, nil
}
