package clickhouse

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/search_traces.sql
var searchTraces string

// lateSpan is how long after a trace's start a span that makes it match may begin, on
// pages after the first.
const lateSpan = time.Hour

// usualTraces is how many traces a page has.
const usualTraces = 20

// SearchTraces finds traces, newest start first. Service, MinDuration, an error or a
// code as Status, and Text must all be met by one span; MaxDuration too where a
// Service is given, else it bounds the whole trace. Status "ok" asks for traces
// without any error, "0" for requests that were never answered. Text is key=value for
// one attribute, else a part of a span's name or path, or a whole request id. A trace
// belongs to the window when a span that meets the question does.
func (s *Store) SearchTraces(ctx context.Context, q signal.TraceQuery) (signal.TracePage, error) {
	search, err := newTraceSearch(q)
	if err != nil {
		return signal.TracePage{}, err
	}
	want := limit(q.Limit, usualTraces)
	whole := search.window(q, time.Now())
	for slice := range back(whole) {
		// The slice is read up to the window's end, so that it holds each trace that
		// began in it whatever the hour of the span that matches; one that began
		// before it would come too early in the order, unless nothing is before it.
		floor := slice.Start
		last := !floor.After(whole.Start)
		if last {
			floor = time.Time{}
		}
		found, err := collect(ctx, s, searchTraces, scanSummary,
			search.params(signal.Window{Start: slice.Start, End: whole.End}, floor, want+1))
		if err != nil {
			return signal.TracePage{}, fmt.Errorf("search traces: %w", err)
		}
		if last || len(found) > want {
			return page(found, want), nil
		}
	}
	return signal.TracePage{}, nil
}

func page(found []signal.TraceSummary, want int) signal.TracePage {
	if len(found) <= want {
		return signal.TracePage{Traces: found}
	}
	end := found[want-1]
	return signal.TracePage{Traces: found[:want], Next: cursor{before: end.Start.UnixNano(), id: end.TraceID}.String()}
}

// traceSearch is a TraceQuery as the statement's parameters know it.
type traceSearch struct {
	service, status, text, key, value string
	code                              int32  // -1 is any
	least, most                       uint64 // ns
	cursor                            cursor
}

func newTraceSearch(q signal.TraceQuery) (traceSearch, error) {
	t := traceSearch{
		service: q.Service, text: q.Text, code: -1,
		least: uint64(max(q.MinDuration, 0)), most: math.MaxInt64,
		cursor: cursor{before: math.MaxInt64},
	}
	if q.MaxDuration > 0 {
		t.most = uint64(q.MaxDuration)
	}
	if key, value, ok := strings.Cut(q.Text, "="); ok && key != "" {
		t.key, t.value, t.text = key, value, ""
	}
	switch q.Status {
	case "", "ok", "error":
		t.status = q.Status
	default:
		code, err := strconv.ParseUint(q.Status, 10, 16)
		if err != nil {
			return t, fmt.Errorf(`%w: status %q: want "ok", "error" or a status code`, ErrBadQuery, q.Status)
		}
		t.code = int32(code)
	}
	if q.Cursor == "" {
		return t, nil
	}
	var err error
	t.cursor, err = parseCursor(q.Cursor)
	return t, err
}

// window is where spans are looked for.
func (t traceSearch) window(q signal.TraceQuery, now time.Time) signal.Window {
	w := window(q.Start, q.End, now.Add(time.Minute)) // other machines' clocks may be ahead
	if t.cursor.before == math.MaxInt64 {
		return w
	}
	if end := time.Unix(0, t.cursor.before).Add(lateSpan); end.Before(w.End) {
		w.End = end
	}
	return w
}

func (t traceSearch) params(w signal.Window, floor time.Time, limit int) []any {
	return []any{
		Param("start", nanos(w.Start)), Param("end", nanos(w.End)), Param("floor", nanos(floor)),
		Param("service", t.service), Param("status", t.status), Param("code", t.code),
		Param("min_duration", t.least), Param("max_duration", t.most),
		Param("text", t.text), Param("key", t.key), Param("value", t.value),
		Param("before", t.cursor.before), Param("before_id", t.cursor.id), Param("limit", limit),
	}
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
