package clickhouse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// The migrations since which each table can be written.
const (
	sinceRED        = 1
	sinceMinutes    = 3 // rows of red reach red_1m
	sinceSpans      = 4
	sinceIndex      = 6 // and spans the index of traces
	sinceOperations = 8
	sinceLogs       = 9
	sinceSamples    = 11
	sinceHistograms = 19
	sinceExemplars  = 20
	sinceMetadata   = 21
	sinceByTime     = 38      // spans are written to spans_by_time
	sinceNow        = 1 << 10 // a column that rows of no earlier version have
)

// hoursFilled is where the rows per hour are made of those per minute, and the view that
// adds to them is not there yet: no version ended between the two.
const hoursFilled = 24

// upgraded is a database that was made by an earlier version.
type upgraded struct {
	*clickhouse.Store

	version int
	window  signal.Window
}

// batch is what is stored before the migration, and after it.
type batch struct {
	name  string
	trace byte   // first of the trace's id
	n     uint64 // requests; the number of all else is one
}

// TestUpgradeFromEveryVersion makes a database with each earlier schema and rows in each
// of its tables, opens it anew, brings it to the newest schema and asks all that there is
// to ask: what was there, and then what is written beside it.
func TestUpgradeFromEveryVersion(t *testing.T) {
	newest, err := clickhouse.Versions()
	if err != nil {
		t.Fatal(err)
	}
	var versions []int
	for n := 1; n <= newest; n++ {
		if n != hoursFilled {
			versions = append(versions, n)
		}
	}
	window := aMinute()
	before, after := batch{"old", 0xaa, 3}, batch{"new", 0xbb, 5}
	dir := t.TempDir()
	server := storetest.Open(t, dir)
	for _, n := range versions {
		u := openVersion(t, server, fmt.Sprint("version", n), n, window)
		if err := u.MigrateTo(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		u.write(t, before, n)
	}
	server.Kill()
	server = storetest.Open(t, dir)
	for _, n := range versions {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			u := openVersion(t, server, fmt.Sprint("version", n), n, window)
			if err := u.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			u.check(t, before)
			u.write(t, after, newest)
			u.check(t, before, after)
		})
	}
}

func aMinute() signal.Window {
	begin := time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute)
	return signal.Window{Start: begin, End: begin.Add(time.Minute)}
}

// openVersion opens a database, which may name a cluster as a DSN does.
func openVersion(t *testing.T, server *storetest.Server, database string, n int, window signal.Window) upgraded {
	t.Helper()
	u, err := url.Parse(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	u.Path, u.RawQuery, _ = strings.Cut("/"+database, "?")
	s, err := clickhouse.Open(context.Background(), clickhouse.Config{DSN: u.String(), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return upgraded{s, n, window}
}

// write stores a batch in each table that a schema has.
func (u upgraded) write(t *testing.T, b batch, version int) {
	t.Helper()
	at, ctx := u.window.Start.Add(time.Second), t.Context()
	write := func(since int, store func() error) {
		t.Helper()
		if version < since {
			return
		}
		if err := store(); err != nil {
			t.Fatalf("write to version %d: %v", version, err)
		}
	}
	red := clickhouse.REDRow{
		REDKey:   clickhouse.REDKey{Time: at, Reporter: signal.Source, Source: "web", Destination: "cart", Status: 200, GRPCStatus: -1},
		Requests: b.n, DurationSum: float64(b.n), Buckets: map[int16]uint64{1: b.n},
	}
	if b.name == "new" {
		red.Opened = b.n
	}
	span := clickhouse.SpanRow{
		TraceID: clickhouse.TraceID{b.trace}, SpanID: clickhouse.SpanID{1}, Name: "GET /" + b.name, Kind: "server", Status: "ok",
		Workload: clickhouse.Workload{Service: "cart"}, Start: at, Duration: time.Millisecond, Hop: clickhouse.Hop{GRPCStatus: -1},
	}
	span.Strings.Add("customer", "c-1")
	span.Strings.Add("batch."+b.name, b.name)
	record := clickhouse.LogRow{Time: at, Workload: span.Workload, Body: b.name, Hop: span.Hop}
	record.Numbers.Add("batch."+b.name, 1)
	labels := map[string]string{"batch": b.name}
	write(sinceRED, func() error { return u.InsertRED(ctx, b.name, []clickhouse.REDRow{red}) })
	insertSpans := u.InsertSpans
	if version < sinceByTime {
		insertSpans = u.InsertSpansByService
	}
	write(sinceSpans, func() error { return insertSpans(ctx, b.name, []clickhouse.SpanRow{span}) })
	write(sinceLogs, func() error {
		return u.InsertLogs(ctx, b.name, []clickhouse.LogRow{record})
	})
	write(sinceSamples, func() error {
		return u.InsertSamples(ctx, b.name, []clickhouse.Sample{{Metric: "queue", Labels: labels, Time: at, Value: 1}})
	})
	write(sinceHistograms, func() error {
		h := &histogram.FloatHistogram{Count: 1, Sum: 2, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []float64{1}}
		return u.InsertSamples(ctx, b.name+" histograms", []clickhouse.Sample{{Metric: "wait", Labels: labels, Time: at, Start: at, Histogram: h}})
	})
	write(sinceExemplars, func() error {
		return u.InsertExemplars(ctx, b.name, []clickhouse.Exemplar{{Metric: "queue", Labels: labels, Of: map[string]string{"trace_id": b.name}, Time: at, Value: 1}})
	})
	write(sinceMetadata, func() error {
		return u.InsertMetadata(ctx, b.name, []clickhouse.Metadata{{Metric: "queue", Kind: "gauge", Help: b.name}})
	})
}

// check asks each question and compares with what the batches answer to it: those that
// were written before the tables that it reads were there have no part in it.
func (u upgraded) check(t *testing.T, written ...batch) {
	t.Helper()
	for name, q := range questions {
		want := 0.0
		for _, b := range written {
			switch {
			case b.name == "old" && u.version < q.since:
			case q.requests:
				want += float64(b.n)
			default:
				want++
			}
		}
		got, err := q.ask(t.Context(), u)
		if err != nil || got != want {
			t.Errorf("%s, %d batches: %v (%v), want %v", name, len(written), got, err, want)
		}
	}
}

// question is answered by one number.
type question struct {
	since    int  // the migration since which rows are found by it
	requests bool // it counts requests
	ask      func(context.Context, upgraded) (float64, error)
}

var questions = map[string]question{
	"edges of seconds": {sinceRED, true, func(ctx context.Context, u upgraded) (float64, error) {
		return u.edges(ctx, signal.Window{Start: u.window.Start, End: u.window.Start.Add(10 * time.Second)})
	}},
	"edges of hours": {sinceMinutes, true, func(ctx context.Context, u upgraded) (float64, error) {
		return u.edges(ctx, signal.Window{Start: u.window.Start.Add(-3 * time.Hour), End: u.window.End})
	}},
	"series": {sinceRED, true, func(ctx context.Context, u upgraded) (sum float64, err error) {
		points, err := u.Series(ctx, "cart", u.window, time.Second)
		for _, p := range points {
			sum += p.Requests
		}
		return sum, err
	}},
	"traces": {sinceIndex, false, func(ctx context.Context, u upgraded) (float64, error) {
		page, err := u.SearchTraces(ctx, signal.TraceQuery{Service: "cart"})
		return float64(len(page.Traces)), err
	}},
	"traces by attribute": {sinceIndex, false, func(ctx context.Context, u upgraded) (float64, error) {
		page, err := u.SearchTraces(ctx, signal.TraceQuery{Filter: "customer = c-1"})
		return float64(len(page.Traces)), err
	}},
	"spans of the traces": {sinceIndex, false, func(ctx context.Context, u upgraded) (float64, error) {
		page, err := u.SearchTraces(ctx, signal.TraceQuery{})
		n := 0
		for _, found := range page.Traces {
			spans, err := u.Trace(ctx, found.TraceID)
			if err != nil {
				return 0, err
			}
			n += len(spans)
		}
		return float64(n), err
	}},
	"operations": {sinceOperations, false, func(ctx context.Context, u upgraded) (float64, error) {
		all, err := u.Operations(ctx, "cart", "", u.window)
		return float64(len(all)), err
	}},
	"logs": {sinceLogs, false, func(ctx context.Context, u upgraded) (float64, error) {
		page, err := u.Logs(ctx, signal.LogQuery{Service: "cart"})
		return float64(len(page.Logs)), err
	}},
	"Grafana's traces": {sinceSpans, false, rowsOf("SELECT count() FROM otel_traces")},
	"spans of a heatmap": {sinceSpans, false, func(ctx context.Context, u upgraded) (float64, error) {
		h, err := u.Heatmap(ctx, signal.SpanQuery{Search: signal.TraceQuery{Start: u.window.Start, End: u.window.End}}, 1)
		return float64(h.Spans), err
	}},
	"spans by weight":              {sinceSpans, false, rowsOf("SELECT toUInt64(sum(weight)) FROM all_spans")},
	"attributes of spans":          {sinceSpans, false, attributesOf(signal.OfSpans)},
	"attributes of logs":           {sinceLogs, false, attributesOf(signal.OfLogs)},
	"Grafana's logs":               {sinceLogs, false, rowsOf("SELECT count() FROM otel_logs")},
	"streams":                      {sinceNow, true, rowsOf("SELECT toUInt64(sum(opened)) FROM red")},
	"streams by minute":            {sinceNow, true, rowsOf("SELECT toUInt64(sum(opened)) FROM red_1m")},
	"samples":                      {sinceSamples, false, valueOf("sum(queue)")},
	"histograms":                   {sinceHistograms, false, valueOf("sum(histogram_count(wait))")},
	"requests as Istio names them": {sinceMinutes, true, valueOf(`sum(istio_requests_total{destination_app="cart"})`)},
	"exemplars": {sinceExemplars, false, func(ctx context.Context, u upgraded) (float64, error) {
		var found []struct{ Exemplars []any }
		err := u.prometheus(ctx, "/query_exemplars", url.Values{
			"query": {"queue"}, "start": {u.window.Start.Format(time.RFC3339)}, "end": {u.window.End.Format(time.RFC3339)},
		}, &found)
		n := 0
		for _, f := range found {
			n += len(f.Exemplars)
		}
		return float64(n), err
	}},
	"metadata": {sinceMetadata, false, func(ctx context.Context, u upgraded) (float64, error) {
		var found map[string][]any
		err := u.prometheus(ctx, "/metadata", url.Values{"metric": {"queue"}}, &found)
		return float64(len(found["queue"])), err
	}},
}

func (u upgraded) edges(ctx context.Context, w signal.Window) (sum float64, err error) {
	for e, err := range u.Edges(ctx, w) {
		if err != nil {
			return 0, err
		}
		sum += float64(e.Requests)
	}
	return sum, nil
}

// attributesOf counts what is completed of the batches' own attributes, with a value each.
func attributesOf(of signal.FilterOf) func(context.Context, upgraded) (float64, error) {
	return func(ctx context.Context, u upgraded) (float64, error) {
		keys, err := u.CompleteKeys(ctx, signal.CompletionQuery{Of: of, Typed: "batch."})
		n := 0
		for _, k := range keys {
			values, err := u.CompleteValues(ctx, k.Text, signal.CompletionQuery{Of: of})
			if err != nil {
				return 0, err
			}
			n += len(values)
		}
		return float64(n), err
	}
}

func rowsOf(statement string) func(context.Context, upgraded) (float64, error) {
	return func(ctx context.Context, u upgraded) (float64, error) {
		rows, err := u.Query(ctx, statement)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		var n uint64
		for rows.Next() {
			if err := rows.Scan(&n); err != nil {
				return 0, err
			}
		}
		return float64(n), rows.Err()
	}
}

// valueOf is what PromQL answers at the window's end; nothing is 0.
func valueOf(query string) func(context.Context, upgraded) (float64, error) {
	return func(ctx context.Context, u upgraded) (float64, error) {
		var found struct {
			Result []struct{ Value [2]any }
		}
		err := u.prometheus(ctx, "/query", url.Values{"query": {query}, "time": {u.window.End.Format(time.RFC3339)}}, &found)
		if err != nil || len(found.Result) == 0 {
			return 0, err
		}
		return strconv.ParseFloat(fmt.Sprint(found.Result[0].Value[1]), 64)
	}
}

// prometheus asks its HTTP API.
func (u upgraded) prometheus(ctx context.Context, path string, form url.Values, into any) error {
	w := httptest.NewRecorder()
	promql.New(promql.Config{}, u.Store).Handler(nil).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path+"?"+form.Encode(), nil))
	var answer struct{ Data json.RawMessage }
	if w.Code != http.StatusOK {
		return fmt.Errorf("%s: %d: %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		return err
	}
	return json.Unmarshal(answer.Data, into)
}
