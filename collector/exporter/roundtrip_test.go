package exporter

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestTrace(t *testing.T) {
	p, s, acc := startOn(t)
	at := recently().Add(123456789 * time.Nanosecond)
	if err := p.ConsumeTraces(t.Context(), fiveSpans(1, at, 503)); err != nil {
		t.Fatal(err)
	}
	spans, err := s.Trace(t.Context(), "AB00000000000000"+"0000000000000001")
	if err != nil {
		t.Fatal(err)
	}
	if len(spans) != 5 {
		t.Fatalf("got %d spans, want 5", len(spans))
	}
	want := signal.Span{
		TraceID: "ab000000000000000000000000000001", SpanID: "000000000000000c", ParentID: "000000000000000b",
		Name: "GET cart", Kind: "client", Service: "web", Version: "v1", Instance: "web-v1-1", Mesh: true,
		Start: at.Add(time.Millisecond), DurationNS: 40e6, Status: "error", StatusMessage: "upstream failed",
		Attributes: map[string]any{
			"host.name": "node-1", signal.KeyPeer: "cart", signal.KeyPeerVer: "v2", signal.KeyPeerInst: "cart-v2-1",
			signal.KeyMethod: "GET", signal.KeyPath: "/items", signal.KeyProtocol: "http/1.1", signal.KeyRequestID: "req-1",
			signal.KeyMTLS: true, signal.KeyStatus: int64(503), signal.KeyFlags: "UF,URX",
			signal.KeyReason: "connect: connection refused",
		},
	}
	if diff := cmp.Diff(want, spans[1]); diff != "" {
		t.Errorf("mesh span (-want +got):\n%s", diff)
	}
	app := signal.Span{
		TraceID: "ab000000000000000000000000000001", SpanID: "000000000000000f", ParentID: "000000000000000d",
		Name: "SELECT items", Kind: "client", Service: "cart", Version: "v1", Instance: "cart-v1-1",
		Start: at.Add(3 * time.Millisecond), DurationNS: 4e6, Status: "unset",
		Attributes: map[string]any{
			"host.name": "node-1", "db.system.name": "postgresql", "server.address": "db.internal:5432",
			"db.rows": int64(17), "db.cost": 1.5, "db.cached": false, "customer": "c-1", "tables": []any{"items"},
		},
		Events: []signal.SpanEvent{{Time: at.Add(4 * time.Millisecond), Name: "retry", Attributes: map[string]any{"why": "deadlock"}}},
	}
	if diff := cmp.Diff(app, spans[3]); diff != "" {
		t.Errorf("app's span (-want +got):\n%s", diff)
	}
	if spans[0].ParentID != "" {
		t.Errorf("root has parent %q", spans[0].ParentID)
	}
	if _, err := s.Trace(t.Context(), "ab0000000000000000000000000000ff"); !errors.Is(err, clickhouse.ErrNotFound) {
		t.Errorf("unknown trace: %v, want ErrNotFound", err)
	}
	if _, err := s.Trace(t.Context(), "xyz"); !errors.Is(err, clickhouse.ErrBadQuery) {
		t.Errorf("bad id: %v, want ErrBadQuery", err)
	}
	if stored, dropped := acc.count(); stored["traces"] != 5 || len(dropped) != 0 {
		t.Errorf("books: stored %v, dropped %v; want 5 traces stored", stored, dropped)
	}
}

// Why a sidecar chose an instance, and which it passed over, is stored with the hop's
// span and with its access-log row.
func TestReasonsOfAChoiceAreStored(t *testing.T) {
	p, s, acc := startOn(t)
	at := recently()
	const choice, passedOver = "probe", "cart-v2-2: tripped; cart-v2-3: unhealthy"
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	span := hopSpan{1, 12, 0, ptrace.SpanKindClient, "web", "cart", "/items", at, time.Millisecond, 200}.add(td)
	accessRecord(ld, 1, at, 200)
	row := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	for _, a := range []pcommon.Map{span.Attributes(), row.Attributes()} {
		a.PutStr(signal.KeyChoice, choice)
		a.PutStr(signal.KeyPassedOver, passedOver)
	}
	if err := errors.Join(p.ConsumeTraces(t.Context(), td), p.ConsumeLogs(t.Context(), ld)); err != nil {
		t.Fatal(err)
	}
	spans, err := s.Trace(t.Context(), "ab000000000000000000000000000001")
	if err != nil || len(spans) != 1 {
		t.Fatalf("%d spans, %v", len(spans), err)
	}
	rows, err := s.Logs(t.Context(), signal.LogQuery{RequestID: "req-1"})
	if err != nil || len(rows.Logs) != 1 {
		t.Fatalf("%d rows, %v", len(rows.Logs), err)
	}
	for what, a := range map[string]map[string]any{"span": spans[0].Attributes, "row": rows.Logs[0].Attributes} {
		if a[signal.KeyChoice] != choice || a[signal.KeyPassedOver] != passedOver {
			t.Errorf("%s has %v and %v", what, a[signal.KeyChoice], a[signal.KeyPassedOver])
		}
	}
	if _, dropped := acc.count(); len(dropped) != 0 {
		t.Errorf("dropped %v", dropped)
	}
}

func TestRetriedBatchIsStoredOnce(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	md := pmetric.NewMetrics()
	redPoint{reporter: signal.Source, service: "web", peer: "cart", status: 200, scale: 3, end: at.Add(time.Second), durations: []float64{1, 2}}.add(md)
	gauge(md, at)
	ld := plog.NewLogs()
	accessRecord(ld, 1, at, 200)
	for range 3 {
		err := errors.Join(
			p.ConsumeTraces(t.Context(), fiveSpans(1, at, 503)),
			p.ConsumeMetrics(t.Context(), md),
			p.ConsumeLogs(t.Context(), ld))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.ConsumeTraces(t.Context(), fiveSpans(2, at, 200)); err != nil { // another batch is another
		t.Fatal(err)
	}
	want := map[string]uint64{
		"SELECT count() FROM all_spans":                                        10,
		"SELECT count() FROM logs":                                             1,
		"SELECT count() FROM samples":                                          1,
		"SELECT toUInt64(sum(spans)) FROM trace_index":                         10,
		"SELECT toUInt64(sum(spans)) FROM operations":                          10,
		"SELECT toUInt64(sum(requests)) FROM red WHERE reporter = 'source'":    2,
		"SELECT toUInt64(sum(requests)) FROM red_1m WHERE reporter = 'source'": 2,
		"SELECT toUInt64(sum(requests)) FROM red WHERE reporter = 'app'":       2,
	}
	for query, n := range want {
		if got := count(t, s, query); got != n {
			t.Errorf("%s: %d, want %d", query, got, n)
		}
	}
}

func count(t *testing.T, s *clickhouse.Store, query string) uint64 {
	t.Helper()
	rows, err := s.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n uint64
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func gauge(md pmetric.Metrics, at time.Time) {
	rm := md.ResourceMetrics().AppendEmpty()
	workload(rm.Resource(), "cart", "cart-v1-1")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("process.threads")
	dp := m.SetEmptyGauge().DataPoints().AppendEmpty()
	dp.SetTimestamp(stamp(at))
	dp.SetIntValue(4)
	dp.Attributes().PutStr("thread.kind", "worker")
}

func TestEdges(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	end := at.Add(time.Second)
	md := pmetric.NewMetrics()
	redPoint{reporter: signal.Source, service: "web", peer: "cart", instance: "cart-v2-1", status: 200, mtls: true, scale: 3, end: end, durations: []float64{10, 20, 30}, bytesOut: 300}.add(md)
	redPoint{reporter: signal.Source, service: "web", peer: "cart", instance: "cart-v2-1", status: 503, mtls: true, flags: "UF", scale: 3, end: end, durations: []float64{1}}.add(md)
	redPoint{reporter: signal.Source, service: "web", peer: "cart", instance: "cart-v2-2", status: 200, scale: 5, end: end, durations: []float64{7}}.add(md)
	redPoint{reporter: signal.Destination, service: "cart", peer: "web", status: 200, mtls: true, scale: 3, end: end, durations: []float64{9, 19, 29}}.add(md)
	redPoint{reporter: signal.Destination, service: "web", peer: "", status: 200, scale: 3, end: end, durations: []float64{40}}.add(md)
	if err := errors.Join(p.ConsumeMetrics(t.Context(), md), p.ConsumeTraces(t.Context(), fiveSpans(1, at, 200))); err != nil {
		t.Fatal(err)
	}
	var got []signal.Edge
	for e, err := range s.Edges(t.Context(), signal.Window{Start: at, End: end}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	want := []signal.Edge{
		{Destination: "web", SourceVersion: "v2", DestinationVersion: "v1", Instance: "web-v1-1", Protocol: "http/1.1", Requests: 1, Durations: durations(40)},
		{Source: "cart", SourceVersion: "v1", Destination: "db.internal", Protocol: "postgresql", Requests: 1, Durations: durations(4)},
		{Source: "web", SourceVersion: "v1", Destination: "cart", DestinationVersion: "v2", Instance: "cart-v2-1", Protocol: "http/1.1", Requests: 4, Failed: 1, MTLS: 4, Flags: map[string]uint64{"UF": 1}, Durations: durations(10, 20, 30, 1), BytesOut: 300},
		{Source: "web", SourceVersion: "v1", Destination: "cart", DestinationVersion: "v2", Instance: "cart-v2-2", Protocol: "http/1.1", Requests: 1, Durations: durations(7)},
	}
	byName := cmpopts.SortSlices(func(a, b signal.Edge) bool { return a.Source+a.Instance < b.Source+b.Instance })
	if diff := cmp.Diff(want, got, byName, cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
}

func durations(values ...float64) signal.Histogram {
	var h signal.Histogram
	for _, v := range values {
		h.Observe(v)
	}
	return h
}

func TestQuantilesOfFinerHistograms(t *testing.T) {
	p, s, _ := startOn(t)
	at := recently()
	var values []float64
	for i := range 2000 {
		values = append(values, 1+float64(i)/2)
	}
	md := pmetric.NewMetrics()
	redPoint{reporter: signal.Source, service: "web", peer: "cart", status: 200, scale: 3, end: at.Add(time.Second), durations: values}.add(md)
	redPoint{reporter: signal.Source, service: "api", peer: "cart", status: 200, scale: 9, end: at.Add(time.Second), durations: values}.add(md)
	if err := p.ConsumeMetrics(t.Context(), md); err != nil {
		t.Fatal(err)
	}
	points, err := s.Series(t.Context(), "cart", signal.Window{Start: at, End: at.Add(10 * time.Second)}, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 1 || points[0].Requests != 400 {
		t.Fatalf("got %+v, want one point of 400 rps", points)
	}
	for _, q := range []struct{ got, want float64 }{{points[0].P50, 501}, {points[0].P95, 951}, {points[0].P99, 991}} {
		if math.Abs(q.got-q.want)/q.want > 0.045 {
			t.Errorf("quantile %.1f is more than 4.5 %% from %.1f", q.got, q.want)
		}
	}
}

func TestMidnightCrossingTrace(t *testing.T) {
	p, s, _ := startOn(t)
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-2 * time.Millisecond)
	if err := p.ConsumeTraces(t.Context(), fiveSpans(1, at, 200)); err != nil {
		t.Fatal(err)
	}
	if spans, err := s.Trace(t.Context(), "ab000000000000000000000000000001"); err != nil || len(spans) != 5 {
		t.Fatalf("trace: %d spans, %v; want 5", len(spans), err)
	}
	page, err := s.SearchTraces(t.Context(), signal.TraceQuery{Start: at.Add(-time.Minute), End: at.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	want := []signal.TraceSummary{{
		TraceID: "ab000000000000000000000000000001", RootService: "web", RootName: "GET ",
		Start: at, DurationNS: 50e6, Spans: 5, Services: []string{"cart", "web"},
	}}
	if diff := cmp.Diff(want, page.Traces); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeStored(t *testing.T) {
	p, s, acc := startOn(t)
	td := fiveSpans(1, recently(), 200)
	hopSpan{trace: 2, id: 1, kind: ptrace.SpanKindServer, service: "web", start: time.Unix(0, 0), status: 200}.add(td)
	hopSpan{trace: 3, id: 1, kind: ptrace.SpanKindServer, service: "web", start: time.Now().Add(48 * time.Hour), status: 200}.add(td)
	hopSpan{id: 1, kind: ptrace.SpanKindServer, service: "web", start: recently(), status: 200}.add(td).SetTraceID([16]byte{})
	md := pmetric.NewMetrics()
	gauge(md, time.Unix(1, 0))
	sum := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	sum.SetName("deltas")
	sum.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	sum.Sum().DataPoints().AppendEmpty().SetTimestamp(stamp(recently()))
	if err := errors.Join(p.ConsumeTraces(t.Context(), td), p.ConsumeMetrics(t.Context(), md)); err != nil {
		t.Fatal(err)
	}
	stored, dropped := acc.count()
	if diff := cmp.Diff(map[string]int{"traces": 5, "metrics": 0}, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"traces " + outOfTime: 2, "traces " + noTraceID: 1, "metrics " + outOfTime: 1, "metrics " + deltaMetric: 1}, dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if got := count(t, s, "SELECT count() FROM all_spans"); got != 5 {
		t.Errorf("%d spans, want 5", got)
	}
}
