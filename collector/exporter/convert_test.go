package exporter

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestAppPeer(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  string
		mesh  bool
		attrs map[string]any
		want  string
	}{
		{"telemetrygen", "client", false, map[string]any{"peer.service": "telemetrygen-server", "network.peer.address": "1.2.3.4"}, "telemetrygen-server"},
		{"server span", "server", false, map[string]any{"peer.service": "x"}, ""},
		{"sidecar's span", "client", true, map[string]any{"peer.service": "x"}, ""},
		{"port goes", "client", false, map[string]any{"server.address": "DB.internal:5432"}, "db.internal"},
		{"own sidecar", "client", false, map[string]any{"server.address": "127.0.0.1", "network.peer.address": "10.0.0.1"}, ""},
		{"own sidecar by name", "client", false, map[string]any{"server.address": "localhost:15001"}, ""},
		{"v6 loopback", "client", false, map[string]any{"server.address": "[::1]:80"}, ""},
		{"named although local", "client", false, map[string]any{"peer.service": "redis", "server.address": "127.0.0.1"}, "redis"},
		{"cluster name", "client", false, map[string]any{"server.address": "orders.shop.svc.cluster.local:80"}, "orders.shop"},
		{"cluster name, default namespace", "client", false, map[string]any{"server.address": "cart.default.svc"}, "cart"},
		{"queue", "producer", false, map[string]any{"messaging.destination.name": "Orders"}, "orders"},
		{"nobody", "client", false, map[string]any{"code.line": 3}, ""},
	} {
		attrs := pcommon.NewMap()
		if err := attrs.FromRaw(c.attrs); err != nil {
			t.Fatal(err)
		}
		if got := appPeer(&clickhouse.SpanRow{Kind: c.kind, Mesh: c.mesh}, attrs); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSecond(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)
	for _, c := range []struct{ end, want time.Time }{
		{at, at.Add(-time.Second)}, // the interval ended with second 4
		{at.Add(time.Nanosecond), at},
		{at.Add(999 * time.Millisecond), at},
		{time.Unix(0, 0), time.Unix(0, 0).UTC()},
	} {
		if got := second(stamp(c.end)); !got.Equal(c.want) {
			t.Errorf("%v: second %v, want %v", c.end, got, c.want)
		}
	}
}

func TestNamespaceOfSidecars(t *testing.T) {
	for _, c := range []struct{ service, namespace, want string }{
		{"orders", "", "orders"},
		{"orders", "default", "orders"},
		{"orders", "shop", "orders.shop"},
		{"orders.shop", "shop", "orders.shop"},
	} {
		o := origin{Workload: clickhouse.Workload{Service: c.service, Namespace: c.namespace}}
		if got := o.inMesh().Service; got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.service, c.namespace, got, c.want)
		}
	}
}

func TestOverflowRowsKeepTheirVerdict(t *testing.T) {
	md := pmetric.NewMetrics()
	at := recently()
	for _, status := range []int{200, 500} {
		redPoint{
			reporter: signal.Source, service: "web", peer: signal.Overflow, instance: signal.Overflow, flags: signal.Overflow,
			status: status, scale: 3, end: at, durations: []float64{1, 2},
		}.add(md)
	}
	rows, _, dropped := metricRows(md, clock{time.Now()})
	if len(rows) != 2 || len(dropped) != 0 {
		t.Fatalf("%d rows, dropped %v; want 2 and none", len(rows), dropped)
	}
	if rows[0].Failed != 0 || rows[1].Failed != 2 || rows[1].Destination != signal.Overflow {
		t.Errorf("rows: %+v", rows)
	}
}

func TestMetricsAsPrometheusNamesThem(t *testing.T) {
	md := pmetric.NewMetrics()
	at := recently()
	gauge(md, at)
	ms := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	sum := ms.AppendEmpty()
	sum.SetName("http.requests")
	sum.SetEmptySum().SetIsMonotonic(true)
	sum.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	dp := sum.Sum().DataPoints().AppendEmpty()
	dp.SetTimestamp(stamp(at))
	dp.SetDoubleValue(12)
	hist := ms.AppendEmpty()
	hist.SetName("http.latency")
	hist.SetUnit("s")
	hist.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	hp := hist.Histogram().DataPoints().AppendEmpty()
	hp.SetTimestamp(stamp(at))
	hp.ExplicitBounds().FromRaw([]float64{0.1, 1})
	hp.BucketCounts().FromRaw([]uint64{2, 3, 1})
	hp.SetCount(6)
	hp.SetSum(4.5)
	_, plain, dropped := metricRows(md, clock{time.Now()})
	got := plain.samples
	job := func(extra ...string) map[string]string {
		m := map[string]string{"job": "cart", "instance": "cart-v1-1"}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i]] = extra[i+1]
		}
		return m
	}
	want := []clickhouse.Sample{
		{Metric: "process_threads", Labels: job("thread_kind", "worker"), Time: at, Value: 4},
		{Metric: "http_requests_total", Labels: job(), Time: at, Value: 12},
		{Metric: "http_latency_seconds_bucket", Labels: job("le", "0.1"), Time: at, Value: 2},
		{Metric: "http_latency_seconds_bucket", Labels: job("le", "1"), Time: at, Value: 5},
		{Metric: "http_latency_seconds_bucket", Labels: job("le", "+Inf"), Time: at, Value: 6},
		{Metric: "http_latency_seconds_sum", Labels: job(), Time: at, Value: 4.5},
		{Metric: "http_latency_seconds_count", Labels: job(), Time: at, Value: 6},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(dropped) > 0 {
		t.Errorf("dropped %v, samples (-want +got):\n%s", dropped, diff)
	}
	if want := (clickhouse.Metadata{Metric: "http_latency_seconds", Kind: "histogram", Unit: "s"}); !slices.Contains(plain.metadata, want) {
		t.Errorf("metadata %+v, want %+v among it", plain.metadata, want)
	}
}

func TestOlderConventions(t *testing.T) {
	span := ptrace.NewSpan()
	span.Attributes().PutStr("http.method", "GET")
	span.Attributes().PutStr("http.target", "/a?b")
	span.Attributes().PutInt("http.status_code", 502)
	span.Attributes().PutInt("big", 1<<60)
	span.Attributes().PutStr(signal.KeyPeer, "not a sidecar's word")
	var row clickhouse.SpanRow
	fillSpan(&row, origin{}, "net/http", span)
	if row.Method != http.MethodGet || row.Path != "/a?b" || row.Hop.Status != 502 || row.Peer != "" {
		t.Errorf("columns: %+v", row.Hop)
	}
	want := clickhouse.Pairs[string]{
		{Key: "http.method", Value: "GET"},
		{Key: "http.target", Value: "/a?b"},
		{Key: "big", Value: "1152921504606846976"},
		{Key: signal.KeyPeer, Value: "not a sidecar's word"},
		{Key: signal.KeyTypes, Value: `{"big":"int"}`},
	}
	if diff := cmp.Diff(want, row.Strings); diff != "" {
		t.Errorf("strings (-want +got):\n%s", diff)
	}
	for text, status := range map[string]uint16{"404": 404, "": 0, "ok": 0, "99999": 0} { // as Zipkin has it
		span.Attributes().PutStr("http.status_code", text)
		if fillSpan(&row, origin{}, "", span); row.Hop.Status != status {
			t.Errorf("status %q is read as %d, want %d", text, row.Hop.Status, status)
		}
	}
}

func FuzzTraces(f *testing.F) {
	seed, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(fiveSpans(1, recently(), 503))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		if err != nil {
			return
		}
		rows, _, dropped := spansIn(td)
		if got := len(rows) + dropped.total(); got != td.SpanCount() {
			t.Errorf("%d rows and drops for %d spans", got, td.SpanCount())
		}
	})
}

func FuzzLogs(f *testing.F) {
	ld := plog.NewLogs()
	accessRecord(ld, 1, recently(), 503)
	seed, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
		if err != nil {
			return
		}
		rows, dropped := logsIn(ld)
		if got := len(rows) + dropped.total(); got != ld.LogRecordCount() {
			t.Errorf("%d rows and drops for %d records", got, ld.LogRecordCount())
		}
	})
}

func FuzzMetrics(f *testing.F) {
	md := pmetric.NewMetrics()
	redPoint{reporter: signal.Source, service: "web", peer: "cart", status: 200, scale: 3, end: recently(), durations: []float64{1, 2}}.add(md)
	gauge(md, recently())
	seed, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(b)
		if err != nil {
			return
		}
		if _, _, dropped := metricRows(md, clock{time.Now()}); dropped.total() > md.DataPointCount() {
			t.Errorf("%d dropped of %d points", dropped.total(), md.DataPointCount())
		}
	})
}
