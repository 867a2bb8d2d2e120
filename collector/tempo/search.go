package tempo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/tempo/traceql"
)

// What Tempo answers where a search does not say.
const (
	usualSpans = 3 // of each trace
	maxSpans   = 100
)

// found is the answer to a search. Times are nanoseconds in text, as JSON has no such
// numbers.
type found struct {
	Traces  []foundTrace `json:"traces"`
	Metrics jobs         `json:"metrics"`
}

// jobs tell whether the search came to its end.
type jobs struct {
	Inspected int `json:"inspectedTraces"`
	Completed int `json:"completedJobs"`
	Total     int `json:"totalJobs"`
}

type foundTrace struct {
	TraceID    string    `json:"traceID"`
	Service    string    `json:"rootServiceName,omitempty"`
	Name       string    `json:"rootTraceName,omitempty"`
	Start      string    `json:"startTimeUnixNano"`
	DurationMS uint32    `json:"durationMs,omitempty"`
	SpanSet    *spanSet  `json:"spanSet,omitempty"` // the first of them, for older readers
	SpanSets   []spanSet `json:"spanSets,omitempty"`
}

type spanSet struct {
	Spans   []foundSpan `json:"spans"`
	Matched uint64      `json:"matched"`
}

type foundSpan struct {
	SpanID     string     `json:"spanID"`
	Name       string     `json:"name,omitempty"`
	Start      string     `json:"startTimeUnixNano"`
	Duration   string     `json:"durationNanos"`
	Attributes []keyValue `json:"attributes,omitempty"`
}

// keyValue is OTLP's, in its JSON.
type keyValue struct {
	Key   string         `json:"key"`
	Value map[string]any `json:"value"`
}

func (s *Server) search(r *http.Request) (any, error) {
	p := r.URL.Query()
	q, search, err := searchOf(p)
	if err != nil {
		return nil, err
	}
	each, err := whole(p, "spss", usualSpans)
	if err != nil {
		return nil, err
	}
	page, err := s.deps.Finder.FindTraces(r.Context(), search)
	if err != nil {
		return nil, fmt.Errorf("find traces: %w", err)
	}
	matches, err := s.deps.Finder.MatchingSpans(r.Context(), search.Filters, page.Traces, min(max(each, 1), maxSpans))
	if err != nil {
		return nil, err
	}
	out := found{Traces: []foundTrace{}, Metrics: jobs{Inspected: len(page.Traces), Completed: 1, Total: 1}}
	if page.Partial != "" {
		s.deps.Logger.WarnContext(r.Context(), "search ended early", "reason", page.Partial)
		out.Metrics.Completed = 0
	}
	for _, t := range page.Traces {
		out.Traces = append(out.Traces, traceOf(t, matches[t.TraceID], q.Fields))
	}
	return out, nil
}

func traceOf(t signal.TraceSummary, m clickhouse.Matches, fields []traceql.Field) foundTrace {
	out := foundTrace{
		TraceID: t.TraceID, Service: t.RootService, Name: t.RootName, Start: strconv.FormatInt(t.Start.UnixNano(), 10),
		DurationMS: uint32(min(time.Duration(t.DurationNS).Milliseconds(), 1<<32-1)),
	}
	if len(m.Spans) == 0 {
		return out
	}
	set := spanSet{Matched: m.Total}
	for i := range m.Spans {
		set.Spans = append(set.Spans, spanOf(&m.Spans[i], fields))
	}
	out.SpanSets, out.SpanSet = []spanSet{set}, &set
	return out
}

// spanOf has of a span's attributes those that were asked for.
func spanOf(s *clickhouse.StoredSpan, fields []traceql.Field) foundSpan {
	out := foundSpan{
		SpanID: s.SpanID, Name: s.Name,
		Start: strconv.FormatInt(s.Start.UnixNano(), 10), Duration: strconv.FormatInt(s.DurationNS, 10),
	}
	add := func(key string, v any) {
		known := slices.ContainsFunc(out.Attributes, func(a keyValue) bool { return a.Key == key })
		if value := valueOf(v); value != nil && !known {
			out.Attributes = append(out.Attributes, keyValue{key, value})
		}
	}
	for _, f := range fields {
		for _, k := range f.Keys {
			switch {
			case k.Scope == filter.Resource:
				add(k.Key, resourceOf(s, k.Key))
			case k.Scope == filter.Span:
				add(k.Key, s.Attributes[k.Key])
			case k.Key == "status":
				add(k.Key, s.Status)
			case k.Key == "kind":
				add(k.Key, s.Kind)
			}
		}
	}
	return out
}

func resourceOf(s *clickhouse.StoredSpan, key string) any {
	text := map[string]string{
		signal.KeyService: s.Service, signal.KeyNamespace: s.Namespace, signal.KeyVersion: s.Version, signal.KeyInstance: s.Instance,
	}[key]
	if text == "" {
		return s.Resource[key]
	}
	return text
}

func valueOf(v any) map[string]any {
	switch v := v.(type) {
	case string:
		return map[string]any{"stringValue": v}
	case int64:
		return map[string]any{"intValue": strconv.FormatInt(v, 10)}
	case float64:
		return map[string]any{"doubleValue": signal.JSONValue(v)}
	case bool:
		return map[string]any{"boolValue": v}
	case []byte:
		return map[string]any{"bytesValue": v}
	case []any, map[string]any: // no conditions on these, so text is enough
		b, err := json.Marshal(signal.JSONValue(v))
		if err == nil {
			return map[string]any{"stringValue": string(b)}
		}
	}
	return nil
}

// searchOf reads TraceQL, or else tags and lengths. Times are seconds.
func searchOf(p url.Values) (q traceql.Query, search clickhouse.TraceSearch, err error) {
	limit, err := whole(p, "limit", 0)
	if err != nil {
		return q, search, err
	}
	w, err := windowOf(p)
	if err != nil {
		return q, search, err
	}
	if text := p.Get("q"); text != "" {
		q, err = traceql.Parse(text)
		if err != nil {
			err = fmt.Errorf("%w: q: %w", clickhouse.ErrBadQuery, err)
		}
	} else {
		q, err = tagged(p)
	}
	return q, clickhouse.TraceSearch{
		Filters: q.Filters, MinDuration: q.MinDuration, MaxDuration: q.MaxDuration, Start: w.Start, End: w.End, Limit: limit,
	}, err
}

// tagged reads the search before TraceQL: tags that one span has, and the length of the
// trace.
func tagged(p url.Values) (q traceql.Query, err error) {
	if q.MinDuration, err = answer.Length(p, "minDuration"); err != nil {
		return q, err
	}
	if q.MaxDuration, err = answer.Length(p, "maxDuration"); err != nil {
		return q, err
	}
	var span filter.And
	for rest := strings.TrimSpace(p.Get("tags")); rest != ""; rest = strings.TrimSpace(rest) {
		var key, value string
		if key, value, rest, err = nextTag(rest); err != nil {
			return q, answer.Bad("tags", p.Get("tags"), `key=value or key="a value", with spaces between them`)
		}
		span = append(span, tag(key, value))
	}
	if len(span) > 0 {
		q.Filters = []filter.Expr{span}
	}
	return q, nil
}

// nextTag reads one pair of logfmt.
func nextTag(text string) (key, value, rest string, err error) {
	key, rest, ok := strings.Cut(text, "=")
	if !ok || key == "" || strings.ContainsAny(key, " \"") {
		return "", "", "", clickhouse.ErrBadQuery
	}
	if !strings.HasPrefix(rest, `"`) {
		value, rest, _ = strings.Cut(rest, " ")
		return key, value, rest, nil
	}
	prefix, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", "", "", err
	}
	value, err = strconv.Unquote(prefix)
	return key, value, rest[len(prefix):], err
}

func tag(key, value string) filter.Expr {
	is := func(key string, v filter.Value) filter.Expr {
		return filter.Comparison{Key: key, Op: filter.Equal, Value: v}
	}
	switch key {
	case "name", "root.name":
		return is("name", filter.TextValue(value))
	case "root.service.name":
		return is("service", filter.TextValue(value))
	case "status.code":
		return is("status", filter.TextValue(value))
	case "error":
		if value == "true" {
			return is("status", filter.TextValue("error"))
		}
	}
	field, err := traceql.FieldOf("." + key)
	var all filter.Or
	for _, c := range field.Keys {
		c.Op, c.Value = filter.Equal, filter.WordValue(value)
		all = append(all, c)
	}
	if err != nil {
		return filter.Or{}
	}
	return all
}
