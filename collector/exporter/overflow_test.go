package exporter

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
)

type total struct{ requests, failed, bytesIn uint64 }

func totalOf(rows []clickhouse.REDRow) (t total) {
	for _, r := range rows {
		t.requests += r.Requests
		t.failed += r.Failed
		t.bytesIn += r.BytesIn
	}
	return t
}

// sidecarMetrics are requests of many routes, every third of which failed.
func sidecarMetrics(routes int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr(signal.KeyService, "shop")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(signal.ScopeRED)
	durations, sizes := sm.Metrics().AppendEmpty(), sm.Metrics().AppendEmpty()
	durations.SetName(signal.RequestDuration)
	sizes.SetName(signal.RequestBodySize)
	ds, ss := durations.SetEmptyExponentialHistogram().DataPoints(), sizes.SetEmptySum().DataPoints()
	for i := range routes {
		attrs := pcommon.NewMap()
		attrs.PutStr(signal.KeyReporter, signal.Destination)
		attrs.PutStr(signal.KeyPeer, "gateway")
		attrs.PutStr(signal.KeyRoute, fmt.Sprint("r", i))
		attrs.PutInt(signal.KeyStatus, int64(200+303*min(1, i%3)))
		d, s := ds.AppendEmpty(), ss.AppendEmpty()
		for _, to := range []pcommon.Map{d.Attributes(), s.Attributes()} {
			attrs.CopyTo(to)
		}
		d.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetTimestamp(d.Timestamp())
		d.SetScale(signal.DurationScale)
		d.SetCount(2)
		d.Positive().BucketCounts().FromRaw([]uint64{2})
		s.SetIntValue(100)
	}
	return md
}

// However many rows there are, they become few, and their sums are what they were.
func TestOverflowKeepsTotals(t *testing.T) {
	const routes = 90
	red, _, dropped := metricRows(sidecarMetrics(routes), clock{time.Now()})
	want := totalOf(red)
	if want.requests != 2*routes || want.failed == 0 || dropped.total() != 0 {
		t.Fatalf("before: %+v, dropped %v", want, dropped)
	}
	md := sidecarMetrics(routes)
	a := admit.New(limits.Config{Caps: limits.Caps{REDKeys: 10}}.WithDefaults())
	if _, err := a.Metrics(admit.Sender{}, md); err != nil {
		t.Fatal(err)
	}
	red, _, dropped = metricRows(md, clock{time.Now()})
	if got := totalOf(red); got != want || dropped.total() != 0 {
		t.Errorf("%+v, want %+v; dropped %v", got, want, dropped)
	}
	if len(red) != 12 { // ten, and those that went well and that failed
		t.Errorf("%d rows", len(red))
	}
	for _, r := range red[10:] {
		if r.Route != signal.Overflow || r.Source != "gateway" {
			t.Errorf("overflow row %+v", r.REDKey)
		}
	}
}

func TestOverflowOfAppEdges(t *testing.T) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(signal.KeyService, "shop")
	all := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range 50 {
		s := all.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetKind(ptrace.SpanKindClient)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(s.StartTimestamp())
		s.Attributes().PutStr(signal.KeyMethod, fmt.Sprint("M", i))
		if i%5 > 0 {
			s.Attributes().PutStr("peer.service", fmt.Sprint("p", i))
		}
	}
	a := admit.New(limits.Config{Caps: limits.Caps{REDKeys: 10}}.WithDefaults())
	if _, err := a.Traces(admit.Sender{}, td); err != nil {
		t.Fatal(err)
	}
	_, edges, _ := spansIn(td)
	if got := totalOf(edges); got.requests != 40 {
		t.Errorf("%d calls, want those with a peer", got.requests)
	}
	if last := edges[len(edges)-1]; len(edges) != 9 || last.Destination != signal.Overflow || last.Requests != 32 || last.Method != signal.Overflow {
		t.Errorf("%d rows, the last %+v", len(edges), last)
	}
}

// What names an edge in a span must be what keys it where edges are bounded.
func TestPeerKeysAreEdgeKeys(t *testing.T) {
	for _, key := range append([]string{"rpc.system.name", "rpc.system", "messaging.system", "http.method", "http.status_code"}, peerKeys...) {
		if !signal.AppEdgeKey(key) {
			t.Errorf("%s has a part in edges that are not bounded by it", key)
		}
	}
}
