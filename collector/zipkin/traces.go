package zipkin

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"github.com/openzipkin/zipkin-go/model"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/otlp"
	"github.com/sightline-mesh/sightline/collector/signal"
)

const (
	usualTraces = 10
	maxTraces   = 1000
)

func (s *Server) trace(r *http.Request) (any, error) {
	spans, err := s.deps.Finder.Spans(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return translated(spans)
}

// traceMany reads traces by their ids, with commas between them.
func (s *Server) traceMany(r *http.Request) (any, error) {
	text, err := required(r, "traceIds", "ids with commas between them")
	if err != nil {
		return nil, err
	}
	ids := strings.Split(text, ",")
	if len(ids) > maxTraces {
		return nil, answer.Bad("traceIds", strconv.Itoa(len(ids))+" of them", "at most 1000")
	}
	return s.read(r, ids)
}

func (s *Server) traces(r *http.Request) (any, error) {
	search, err := s.searchOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	page, err := s.deps.Finder.FindTraces(r.Context(), search)
	if err != nil {
		return nil, fmt.Errorf("find traces: %w", err)
	}
	if page.Partial != "" {
		s.deps.Logger.WarnContext(r.Context(), "search ended early", "reason", page.Partial)
	}
	ids := make([]string, len(page.Traces))
	for i, t := range page.Traces {
		ids[i] = t.TraceID
	}
	return s.read(r, ids)
}

// read has the traces that are there.
func (s *Server) read(r *http.Request, ids []string) (any, error) {
	all := [][]*model.SpanModel{}
	for _, id := range ids {
		spans, err := s.deps.Finder.Spans(r.Context(), id)
		if errors.Is(err, clickhouse.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		trace, err := translated(spans)
		if err != nil {
			return nil, err
		}
		all = append(all, trace)
	}
	return all, nil
}

// translated is a trace as Zipkin has it: one scope of instrumentation at a time, as the
// translator hands tags of one on to the next. A span without an id has no place there.
func translated(spans []clickhouse.StoredSpan) ([]*model.SpanModel, error) {
	scopes := map[string][]clickhouse.StoredSpan{}
	var order []string
	for _, span := range spans {
		if strings.Trim(span.SpanID, "0") == "" {
			continue
		}
		if _, known := scopes[span.Scope]; !known {
			order = append(order, span.Scope)
		}
		scopes[span.Scope] = append(scopes[span.Scope], withPeer(span))
	}
	all := []*model.SpanModel{}
	for _, scope := range order {
		some, err := zipkinv2.FromTranslator{}.FromTraces(otlp.Traces(scopes[scope]))
		if err != nil {
			return nil, fmt.Errorf("translate trace: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// withPeer names the other end of a sidecar's hop as the translator looks for it.
func withPeer(s clickhouse.StoredSpan) clickhouse.StoredSpan {
	const key = "peer.service"
	peer := s.Attributes[signal.KeyPeer]
	if peer == nil || s.Attributes[key] != nil {
		return s
	}
	s.Attributes = maps.Clone(s.Attributes)
	s.Attributes[key] = peer
	return s
}

// searchOf reads a search. Lengths are microseconds.
func (s *Server) searchOf(p url.Values) (clickhouse.TraceSearch, error) {
	w, err1 := s.window(p)
	limit, err2 := whole(p, "limit", usualTraces)
	least, err3 := whole(p, "minDuration", 0)
	most, err4 := whole(p, "maxDuration", 0)
	asked, err5 := annotations(p.Get("annotationQuery"))
	if err := cmp.Or(err1, err2, err3, err4, err5); err != nil {
		return clickhouse.TraceSearch{}, err
	}
	var span filter.And
	add := func(key string, op filter.Op, v filter.Value) {
		span = append(span, filter.Comparison{Key: key, Op: op, Value: v})
	}
	for parameter, key := range map[string]string{"serviceName": "service", "spanName": "name", "remoteServiceName": "peer"} {
		if v := p.Get(parameter); v != "" && v != "all" {
			add(key, filter.Equal, filter.TextValue(v))
		}
	}
	if least > 0 {
		add("duration", filter.GreaterEqual, filter.DurationValue(time.Duration(least)*time.Microsecond))
	}
	if most > 0 {
		add("duration", filter.LessEqual, filter.DurationValue(time.Duration(most)*time.Microsecond))
	}
	return clickhouse.TraceSearch{
		Filters: []filter.Expr{append(span, asked...)}, Start: w.Start, End: w.End, Limit: int(min(limit, maxTraces)),
	}, nil
}

// annotations reads what a span has to have: tags as key=value or by their key alone,
// annotations by their value, and error, with "and" between them.
func annotations(text string) (filter.And, error) {
	var all filter.And
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	terms := strings.Split(text, " and ")
	if len(terms) > filter.MaxComparisons/4 {
		return nil, answer.Bad("annotationQuery", strconv.Itoa(len(terms))+" terms", "at most "+strconv.Itoa(filter.MaxComparisons/4))
	}
	for _, term := range terms {
		key, value, has := strings.Cut(strings.TrimSpace(term), "=")
		switch {
		case key == "":
			return nil, answer.Bad("annotationQuery", text, "key=value or key, with and between them")
		case key == "error" && !has:
			all = append(all, filter.Comparison{Key: "status", Op: filter.Equal, Value: filter.TextValue("error")})
		case has:
			all = append(all, anywhere(key, filter.Equal, filter.WordValue(value)))
		default:
			name := filter.Comparison{Key: "event.name", Op: filter.Equal, Value: filter.TextValue(key)}
			all = append(all, filter.Or{anywhere(key, filter.Exists, filter.Value{}), name})
		}
	}
	return all, nil
}

func anywhere(key string, op filter.Op, v filter.Value) filter.Expr {
	return filter.Or{
		filter.Comparison{Key: key, Scope: filter.Span, Op: op, Value: v},
		filter.Comparison{Key: key, Scope: filter.Resource, Op: op, Value: v},
	}
}
