package clickhouse

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/search_traces.sql
	searchTraces string
	//go:embed sql/query/traces_of_spans.sql
	tracesOfSpans string
)

// lateSpan is how long after a trace's start a span that makes it match may begin, on
// pages after the first.
const lateSpan = time.Hour

// usualTraces is how many traces a page has.
const usualTraces = 20

// maxFilters bounds how many spans of one trace a question may be about.
const maxFilters = 8

// TraceSearch selects traces; zero fields select everything.
type TraceSearch struct {
	// Filters must each be met by a span of the trace, not all by the same one.
	Filters     []filter.Expr
	MinDuration time.Duration // of the whole trace
	MaxDuration time.Duration // of the whole trace
	NoErrors    bool          // no span of the trace has failed
	Start, End  time.Time
	Limit       int    // at most 1,000; 0 is 20
	Cursor      string // from the previous page
}

// SearchTraces finds traces, newest start first. Service, MinDuration, an error or a
// code as Status, Text and Filter must all be met by one span; MaxDuration too where a
// Service is given, else it bounds the whole trace. Status "ok" asks for traces
// without any error, "0" for requests that were never answered. Text is key=value for
// one attribute, else a part of a span's name or path, or a whole request id. A trace
// belongs to the window when a span that meets the question does.
func (s *Store) SearchTraces(ctx context.Context, q signal.TraceQuery) (signal.TracePage, error) {
	search, err := searchOf(q)
	if err != nil {
		return signal.TracePage{}, err
	}
	return s.FindTraces(ctx, search)
}

// FindTraces finds traces, newest start first. Where the question costs more than a
// question may, the page holds what was found until then and says so; that nothing was
// found until then is ErrBudget.
func (s *Store) FindTraces(ctx context.Context, q TraceSearch) (signal.TracePage, error) {
	asked, err := prepareSearch(q, time.Now())
	if err != nil {
		return signal.TracePage{}, err
	}
	find := s.searchBack
	if asked.bySpan {
		find = s.searchNewest
	}
	found, err := find(ctx, asked)
	if err != nil {
		return signal.TracePage{}, err
	}
	found.Partial = besides(found.Partial, s.Lacks(ctx, asked.whole, signal.SpanTables()...))
	return found, nil
}

// search is a question that is ready to be asked.
type search struct {
	filters []string // SQL
	params  []any    // all but the slice of the window
	whole   signal.Window
	from    cursor
	want    int
	bySpan  bool // one span says of itself whether its trace is found

	attributes bool // are asked for
}

// prepareSearch compiles a question.
func prepareSearch(q TraceSearch, now time.Time) (search, error) {
	a := search{from: noCursor(), want: limit(q.Limit, usualTraces)}
	filters := q.Filters
	if len(filters) == 0 {
		filters = []filter.Expr{filter.And{}}
	}
	if len(filters) > maxFilters {
		return a, fmt.Errorf("%w: conditions on %d spans of a trace; want at most %d", ErrBadQuery, len(filters), maxFilters)
	}
	c := condition{schema: spanSchema}
	for _, f := range filters {
		sql, err := c.compile(f)
		if err != nil {
			return a, err
		}
		a.filters = append(a.filters, sql)
	}
	if q.Cursor != "" {
		var err error
		if a.from, err = parseCursor(q.Cursor); err != nil {
			return a, err
		}
	}
	most := uint64(math.MaxInt64)
	if q.MaxDuration > 0 {
		most = uint64(q.MaxDuration)
	}
	a.params = append(c.params, Param("least", uint64(max(q.MinDuration, 0))), Param("most", most), Param("no_errors", q.NoErrors),
		Param("before", a.from.before), Param("before_id", a.from.id))
	a.whole = searchWindow(q, a.from, now)
	a.attributes = c.maps
	a.bySpan = len(a.filters) == 1 && q.MinDuration <= 0 && q.MaxDuration <= 0 && !q.NoErrors
	return a, nil
}

// traces is the statement for traces that have spans in a window which meet the filters,
// and that began at floor or later.
func (a search) traces(w signal.Window, floor time.Time) (statement string, params []any) {
	sets := make([]string, len(a.filters))
	for i, sql := range a.filters {
		sets[i] = "trace_id IN (" + strings.ReplaceAll(tracesOfSpans, "{{filter}}", sql) + ")"
	}
	params = append(slices.Clip(a.params), append(windowParams(w), Param("floor", nanos(floor)), Param("limit", a.want+1))...)
	return strings.ReplaceAll(searchTraces, "{{traces}}", strings.Join(sets, " AND ")), params
}

// searchBack looks at ever longer slices of the window until one holds a page.
func (s *Store) searchBack(ctx context.Context, a search) (signal.TracePage, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	var before []signal.TraceSummary // what the slice before had
	looked := a.whole.End
	for part := range back(a.whole) {
		// The slice is read up to the window's end, so that it holds each trace that
		// began in it whatever the hour of the span that matches; one that began
		// before it would come too early in the order, unless nothing is before it.
		floor := part.Start
		last := !floor.After(a.whole.Start)
		if last {
			floor = time.Time{}
		}
		statement, params := a.traces(signal.Window{Start: part.Start, End: a.whole.End}, floor)
		found, err := collect(ctx, s, statement, scanSummary, params)
		switch {
		case overBudget(ctx, err) && len(before) > 0:
			return partial(before, looked), nil
		case overBudget(ctx, err):
			return signal.TracePage{}, fmt.Errorf("search traces: %w: %w", ErrBudget, err)
		case err != nil:
			return signal.TracePage{}, fmt.Errorf("search traces: %w", err)
		case last || len(found) > a.want:
			return page(found, a.want), nil
		}
		before, looked = found, part.Start
	}
	return signal.TracePage{}, nil
}

// partial is what was found until the budget was used up.
func partial(found []signal.TraceSummary, looked time.Time) signal.TracePage {
	return signal.TracePage{Traces: found, Partial: "searched back to " + budgetEnd(looked)}
}

func page(found []signal.TraceSummary, want int) signal.TracePage {
	if len(found) <= want {
		return signal.TracePage{Traces: found}
	}
	end := found[want-1]
	return signal.TracePage{Traces: found[:want], Next: cursor{before: end.Start.UnixNano(), id: end.TraceID}.String()}
}

// searchOf translates the question that the API asks.
func searchOf(q signal.TraceQuery) (TraceSearch, error) {
	t := TraceSearch{Start: q.Start, End: q.End, Limit: q.Limit, Cursor: q.Cursor, NoErrors: q.Status == "ok"}
	var span filter.And
	if q.Service != "" {
		span = append(span, compare("service", filter.Equal, filter.TextValue(q.Service)))
	}
	if q.MinDuration > 0 {
		span = append(span, compare("duration", filter.GreaterEqual, filter.DurationValue(q.MinDuration)))
	}
	switch {
	case q.MaxDuration <= 0:
	case q.Service != "":
		span = append(span, compare("duration", filter.LessEqual, filter.DurationValue(q.MaxDuration)))
	default:
		t.MaxDuration = q.MaxDuration
	}
	status, err := statusFilter(q.Status)
	if err != nil {
		return t, err
	}
	span = append(append(span, status...), textFilter(q.Text)...)
	if q.Filter != "" {
		e, err := parseFilter(q.Filter)
		if err != nil {
			return t, err
		}
		span = append(span, e)
	}
	if len(span) > 0 {
		t.Filters = []filter.Expr{span}
	}
	return t, nil
}

// parseFilter reads a filter that a person wrote.
func parseFilter(text string) (filter.Expr, error) {
	e, err := filter.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: filter: %w", ErrBadQuery, err)
	}
	return e, nil
}

func compare(key string, op filter.Op, v filter.Value) filter.Comparison {
	return filter.Comparison{Key: key, Op: op, Value: v}
}

func statusFilter(status string) (filter.And, error) {
	switch status {
	case "", "ok":
		return nil, nil
	case "error":
		return filter.And{compare("status", filter.Equal, filter.TextValue("error"))}, nil
	}
	code, err := strconv.ParseUint(status, 10, 16)
	if err != nil {
		return nil, fmt.Errorf(`%w: status %q: want "ok", "error" or a status code`, ErrBadQuery, status)
	}
	return filter.And{compare("code", filter.Equal, filter.NumberValue(float64(code)))}, nil
}

// textFilter is what a line of free text asks for.
func textFilter(text string) filter.And {
	if text == "" {
		return nil
	}
	if key, value, ok := strings.Cut(text, "="); ok && key != "" {
		return filter.And{compare(key, filter.Equal, filter.WordValue(value))}
	}
	v := filter.TextValue(text)
	return filter.And{filter.Or{
		compare("name", filter.Contains, v), compare("path", filter.Contains, v), compare("request_id", filter.Equal, v),
	}}
}

// searchWindow is where spans are looked for.
func searchWindow(q TraceSearch, from cursor, now time.Time) signal.Window {
	w := window(q.Start, q.End, now.Add(time.Minute)) // other machines' clocks may be ahead
	if from.before == math.MaxInt64 {
		return w
	}
	if end := time.Unix(0, from.before).Add(lateSpan); end.Before(w.End) {
		w.End = end
	}
	return w
}

func scanSummary(rows driver.Rows) (signal.TraceSummary, error) {
	var (
		t             signal.TraceSummary
		end           time.Time
		spans, errors uint64
	)
	err := rows.Scan(&t.TraceID, &t.Start, &end, &t.RootService, &t.RootName, &spans, &errors, &t.Services)
	t.DurationNS = end.Sub(t.Start).Nanoseconds()
	t.Spans, t.Errors = int(spans), int(errors)
	return t, err
}

// cursor is where a page ended: the next holds traces that began before it, or at the
// same time with a lesser id.
type cursor struct {
	before int64 // ns
	id     string
}

// noCursor is where the first page begins.
func noCursor() cursor { return cursor{before: math.MaxInt64} }

// String is opaque to callers, who hand it back as it is.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.before, 10) + " " + c.id))
}

func parseCursor(s string) (cursor, error) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, fmt.Errorf("%w: cursor %q is not one that a page gave", ErrBadQuery, s)
	}
	before, id, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(before, 10, 64)
	if err != nil || len(id) != 2*len(TraceID{}) {
		return cursor{}, fmt.Errorf("%w: cursor %q is not one that a page gave", ErrBadQuery, s)
	}
	return cursor{before: ns, id: id}, nil
}
