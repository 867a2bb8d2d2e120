package jaeger

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

type v1Operation struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

type v1Dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

func (s *Server) v1Services(r *http.Request) (any, error) { return s.services(r.Context()) }

func (s *Server) v1OperationNames(r *http.Request) (any, error) {
	found, err := s.operations(r.Context(), r.PathValue("service"), "")
	names := []string{}
	for _, o := range found { // sorted by name
		if len(names) == 0 || names[len(names)-1] != o.Name {
			names = append(names, o.Name)
		}
	}
	return names, err
}

func (s *Server) v1Operations(r *http.Request) (any, error) {
	return s.listed(r, r.FormValue("service"), r.FormValue("spanKind"))
}

// listed are the operations of a service as both HTTP APIs write them.
func (s *Server) listed(r *http.Request, service, kind string) ([]v1Operation, error) {
	found, err := s.operations(r.Context(), service, kind)
	out := []v1Operation{}
	for _, o := range found {
		out = append(out, v1Operation{o.Name, o.Kind})
	}
	return out, err
}

func (s *Server) v1Trace(r *http.Request) (any, error) {
	spans, err := s.deps.Finder.Spans(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return []v1Trace{traceOf(spans)}, nil
}

// v1Traces finds traces, or reads those that are named.
func (s *Server) v1Traces(r *http.Request) (any, error) {
	if ids := r.URL.Query()["traceID"]; len(ids) > 0 {
		return s.named(r, ids)
	}
	q, err := v1Query(r.URL.Query(), s.deps.Now())
	if err != nil {
		return nil, err
	}
	return forEach(s, r, q, traceOf)
}

const maxTraces = 1000

func (s *Server) named(r *http.Request, ids []string) (any, error) {
	if len(ids) > maxTraces {
		return nil, answer.Bad("traceID", strconv.Itoa(len(ids))+" of them", "at most 1000")
	}
	all := []v1Trace{}
	for _, id := range ids {
		spans, err := s.deps.Finder.Spans(r.Context(), id)
		if errors.Is(err, clickhouse.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, traceOf(spans))
	}
	return all, nil
}

func (s *Server) v1Dependencies(r *http.Request) (any, error) {
	const day = 24 * time.Hour
	end, err := answer.Whole(r.URL.Query(), "endTs", s.deps.Now().UnixMilli(), math.MaxInt64)
	if err != nil {
		return nil, err
	}
	lookback, err := answer.Whole(r.URL.Query(), "lookback", day.Milliseconds(), math.MaxInt64)
	if err != nil {
		return nil, err
	}
	w := signal.Window{Start: time.UnixMilli(end - lookback), End: time.UnixMilli(end)}
	found, err := s.deps.Callers.Dependencies(r.Context(), w)
	out := []v1Dependency{}
	for _, d := range found {
		out = append(out, v1Dependency{d.Parent, d.Child, d.Calls})
	}
	return out, err
}

// v1Query reads a search: times are microseconds, tags a JSON object or tag=key:value.
func v1Query(p url.Values, now time.Time) (query, error) {
	const usualLimit = 100
	end, err1 := answer.Whole(p, "end", now.UnixMicro(), math.MaxInt64)
	start, err2 := answer.Whole(p, "start", end-(48*time.Hour).Microseconds(), math.MaxInt64)
	limit, err3 := answer.Whole(p, "limit", usualLimit, math.MaxInt64)
	least, err4 := answer.Length(p, "minDuration")
	most, err5 := answer.Length(p, "maxDuration")
	attributes, err6 := v1Tags(p)
	if err := cmp.Or(err1, err2, err3, err4, err5, err6); err != nil {
		return query{}, err
	}
	return query{
		service: p.Get("service"), operation: p.Get("operation"), attributes: attributes,
		start: time.UnixMicro(start), end: time.UnixMicro(end), least: least, most: most, limit: int(min(limit, maxTraces)),
	}, nil
}

func v1Tags(p url.Values) (map[string]string, error) {
	all := map[string]string{}
	for _, t := range p["tag"] {
		key, value, ok := strings.Cut(t, ":")
		if !ok {
			return nil, answer.Bad("tag", t, "key:value")
		}
		all[key] = value
	}
	for _, t := range p["tags"] {
		var more map[string]string
		if err := json.Unmarshal([]byte(t), &more); err != nil {
			return nil, answer.Bad("tags", t, `a JSON object of text such as {"http.status_code":"500"}`)
		}
		maps.Copy(all, more)
	}
	return all, nil
}
