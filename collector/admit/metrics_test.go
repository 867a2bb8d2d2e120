package admit

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// gauge is a request of one metric with a point for each route, "r0" and on.
func gauge(service, metric string, n int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr(signal.KeyService, service)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(metric)
	all := m.SetEmptyGauge().DataPoints()
	for i := range n {
		all.AppendEmpty().Attributes().PutStr("route", fmt.Sprint("r", i))
	}
	return md
}

func metricsOf(t *testing.T, a *Admission, s Sender, md pmetric.Metrics) *Outcome {
	t.Helper()
	out, err := a.Metrics(s, md)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSeriesAreBounded(t *testing.T) {
	a := with(limits.Caps{SeriesPerMetric: 3, Series: 5})
	md := gauge("shop", "queue_size", 5)
	out := metricsOf(t, a, Sender{}, md)
	want := `2 of 5 data points rejected: ` + strings.Repeat(`metric "queue_size": tenant "anonymous" has 3 series of it in use, the most there may be; `+
		"give it fewer labels, or raise caps.seriesPerMetric in the collector's limits; ", 2)
	if got := out.Message(); got != strings.TrimSuffix(want, "; ") || md.DataPointCount() != 3 || out.Invalid() != nil {
		t.Errorf("%s; %d left", got, md.DataPointCount())
	}
	out = metricsOf(t, a, Sender{}, gauge("shop", "other_size", 3))
	if out.rejected[SeriesOfTenant] != 1 || !strings.Contains(out.Message(), `tenant "anonymous" has 5 series in use`) {
		t.Errorf("%+v", out)
	}
	if out = metricsOf(t, a, Sender{}, gauge("shop", "queue_size", 3)); out.Rejected() != 0 {
		t.Errorf("those in use: %s", out.Message())
	}
	if out = metricsOf(t, a, Sender{}, gauge("shop2", "queue_size", 3)); out.Left() != 0 || out.Invalid() != nil {
		t.Errorf("another service of the tenant: %+v", out)
	}
	if out = metricsOf(t, a, Sender{Namespace: "bank"}, gauge("shop", "queue_size", 3)); out.Rejected() != 0 {
		t.Errorf("another tenant: %s", out.Message())
	}
}

// A histogram is as many series as it has buckets, and its sum and count.
func TestHistogramsWeighMore(t *testing.T) {
	a := with(limits.Caps{SeriesPerMetric: 25})
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("duration")
	for i := range 3 {
		p := m.Histogram()
		if i == 0 {
			p = m.SetEmptyHistogram()
		}
		at := p.DataPoints().AppendEmpty()
		at.Attributes().PutInt("i", int64(i))
		at.BucketCounts().FromRaw(make([]uint64, 10))
	}
	if out := metricsOf(t, a, Sender{}, md); out.Rejected() != 1 {
		t.Errorf("%d rejected of three with 12 series each", out.Rejected())
	}
}

func TestTextOfMetrics(t *testing.T) {
	md := gauge("shop", "good", 2)
	all := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	all.At(0).Gauge().DataPoints().At(1).Exemplars().AppendEmpty().FilteredAttributes().PutStr("x", notUTF8)
	bad := all.AppendEmpty()
	bad.SetName("bad")
	bad.SetUnit(notUTF8)
	bad.SetEmptySum().DataPoints().AppendEmpty()
	empty := all.AppendEmpty()
	empty.SetName(notUTF8)
	out := metricsOf(t, with(limits.Caps{}), Sender{}, md)
	want := `2 of 3 data points rejected: metric "good": exemplar 1: attribute "x" is not UTF-8; metric "bad": unit is not UTF-8`
	if got := out.Message(); got != want || md.DataPointCount() != 1 || all.Len() != 1 {
		t.Errorf("%s; %d points of %d metrics left\nwant %s", got, md.DataPointCount(), all.Len(), want)
	}
}

// requests is what a sidecar tells of one request of each route.
func requests(routes int, of func(i int, a pcommon.Map)) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr(signal.KeyService, "shop")
	rm.Resource().Attributes().PutStr(signal.KeyInstance, "shop-1")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(signal.ScopeRED)
	m := sm.Metrics().AppendEmpty()
	m.SetName(signal.RequestDuration)
	all := m.SetEmptyExponentialHistogram().DataPoints()
	for i := range routes {
		p := all.AppendEmpty()
		p.SetCount(1)
		p.Attributes().PutStr(signal.KeyReporter, signal.Destination)
		p.Attributes().PutStr(signal.KeyPeer, "gateway")
		p.Attributes().PutStr(signal.KeyPeerVer, "v1")
		p.Attributes().PutStr(signal.KeyRoute, fmt.Sprint("r", i))
		p.Attributes().PutStr(signal.KeyMethod, "GET")
		p.Attributes().PutStr(signal.KeyProtocol, "h2")
		p.Attributes().PutInt(signal.KeyStatus, 204)
		if of != nil {
			of(i, p.Attributes())
		}
	}
	return md
}

func rowsOf(md pmetric.Metrics) (all []map[string]any) {
	ps := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints()
	for _, p := range ps.All() {
		all = append(all, p.Attributes().AsRaw())
	}
	return all
}

func overflowRow(peer, version string, status int64) map[string]any {
	return map[string]any{
		signal.KeyReporter: signal.Destination, signal.KeyPeer: peer, signal.KeyPeerVer: version,
		signal.KeyPeerInst: signal.Overflow, signal.KeyRoute: signal.Overflow, signal.KeyMethod: signal.Overflow,
		signal.KeyFlags: signal.Overflow, signal.KeyProtocol: signal.Overflow,
		signal.KeyStatus: status, signal.KeyOverflow: true,
	}
}

// Rows beyond the limit are those of the overflow row, which keeps the edge and whether
// the request went well.
func TestRequestMetricsOverflow(t *testing.T) {
	tests := map[string]struct {
		of   func(a pcommon.Map)
		want map[string]any
	}{
		"went well":        {func(pcommon.Map) {}, overflowRow("gateway", "v1", 200)},
		"client's fault":   {func(a pcommon.Map) { a.PutInt(signal.KeyStatus, 404) }, overflowRow("gateway", "v1", 400)},
		"failed":           {func(a pcommon.Map) { a.PutInt(signal.KeyStatus, 503) }, overflowRow("gateway", "v1", 500)},
		"failed by gRPC":   {func(a pcommon.Map) { a.PutInt(signal.KeyGRPCStatus, 14) }, overflowRow("gateway", "v1", 500)},
		"no answer":        {func(a pcommon.Map) { a.Remove(signal.KeyStatus) }, overflowRow("gateway", "v1", 500)},
		"a second peer":    {func(a pcommon.Map) { a.PutStr(signal.KeyPeer, "web") }, overflowRow(signal.Overflow, signal.Overflow, 200)},
		"a second version": {func(a pcommon.Map) { a.PutStr(signal.KeyPeerVer, "v2") }, overflowRow(signal.Overflow, signal.Overflow, 200)},
		"a stream": {func(a pcommon.Map) {
			a.PutStr(signal.KeyProtocol, signal.TCP)
			a.PutInt(signal.KeyStatus, 0)
			a.PutStr(signal.KeyFlags, "")
		}, overflowRow("gateway", "v1", 200)},
		"a broken stream": {func(a pcommon.Map) {
			a.PutStr(signal.KeyProtocol, signal.TCP)
			a.PutInt(signal.KeyStatus, 0)
			a.PutStr(signal.KeyFlags, "UF")
		}, overflowRow("gateway", "v1", 500)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := with(limits.Caps{REDKeys: 2, REDPeers: 1})
			if out := metricsOf(t, a, Sender{}, requests(3, nil)); out.overflow[overflowKey] != 1 || out.Rejected() != 0 {
				t.Errorf("%+v", out)
			}
			md := requests(1, func(_ int, attrs pcommon.Map) {
				attrs.PutStr(signal.KeyRoute, "new")
				tt.of(attrs)
			})
			metricsOf(t, a, Sender{}, md)
			if diff := cmp.Diff(tt.want, rowsOf(md)[0]); diff != "" {
				t.Error(diff)
			}
			again := requests(2, nil)
			if out := metricsOf(t, a, Sender{}, again); len(out.overflow) > 0 {
				t.Errorf("rows that were there first: %+v", out.overflow)
			}
		})
	}
}

func TestReportersAreBounded(t *testing.T) {
	a := with(limits.Caps{REDPeers: 1})
	metricsOf(t, a, Sender{}, requests(1, nil))
	md := requests(2, nil)
	md.ResourceMetrics().At(0).Resource().Attributes().PutStr(signal.KeyInstance, "shop-2")
	out := metricsOf(t, a, Sender{}, md)
	if got, _ := md.ResourceMetrics().At(0).Resource().Attributes().Get(signal.KeyInstance); got.Str() != signal.Overflow || out.overflow[overflowReport] != 2 {
		t.Errorf("instance %q, %+v", got.Str(), out.overflow)
	}
}

func TestSeriesOfRemoteWrite(t *testing.T) {
	a := with(limits.Caps{SeriesPerMetric: 2})
	series := func(i int) labels.Labels { return labels.FromStrings("__name__", "up", "i", strconv.Itoa(i)) }
	for i := range 2 {
		if err := a.Series("bank", series(i)); err != nil {
			t.Fatal(err)
		}
	}
	want := `metric "up": tenant "claimed/bank" has 2 series of it in use, the most there may be; give it fewer labels, or raise caps.seriesPerMetric in the collector's limits`
	if err := a.Series("bank", series(2)); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if err := a.Series("bank", series(0)); err != nil {
		t.Errorf("one in use: %v", err)
	}
	if err := a.Series("", series(2)); err != nil {
		t.Errorf("another tenant: %v", err)
	}
}

type ignored struct{}

func (ignored) Rejected(string, string, int)  {}
func (ignored) Overflow(string, string, int)  {}
func (ignored) Truncated(string, string, int) {}

func BenchmarkTraces(b *testing.B) {
	a := New(limits.Config{Tenant: limits.Rates{Traces: limits.Rate{Items: limits.None, Bytes: limits.None}}}.WithDefaults())
	td, all := spansOfService("shop", 1000)
	for i, s := range all.All() {
		s.SetName(fmt.Sprint("GET /", i%20))
		for k := range 20 {
			s.Attributes().PutStr(fmt.Sprint("some.attribute.", k), "a value of the usual length")
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		out, _ := a.Traces(Sender{Namespace: "shop"}, td)
		out.Enter(ignored{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/span")
}
