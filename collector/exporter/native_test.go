package exporter

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// exponential is a metric of one histogram: 1, 2 and 4 in (1, 2^(1/8)] and on, 3 zeros.
func exponential(at, start time.Time) (pmetric.Metrics, pmetric.ExponentialHistogramDataPoint) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "cart")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("wait")
	m.SetUnit("s")
	m.SetDescription("How long.")
	m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := m.ExponentialHistogram().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetScale(3)
	p.SetZeroCount(3)
	p.SetCount(10)
	p.SetSum(9.5)
	p.Positive().BucketCounts().FromRaw([]uint64{1, 2, 4})
	e := p.Exemplars().AppendEmpty()
	e.SetTimestamp(p.Timestamp())
	e.SetDoubleValue(1.05)
	e.SetTraceID(pcommon.TraceID{0xab})
	e.SetSpanID(pcommon.SpanID{0xcd})
	e.FilteredAttributes().PutStr("user.id", "7")
	return md, p
}

func TestExponentialHistogramsAreNative(t *testing.T) {
	at := time.Now().Truncate(time.Millisecond).UTC()
	start := at.Add(-time.Minute)
	md, p := exponential(at, start)
	_, got, dropped := metricRows(md, clock{at})
	want := []clickhouse.Sample{{
		Metric: "wait_seconds", Labels: map[string]string{"job": "cart"}, Time: at, Start: start,
		Histogram: &histogram.FloatHistogram{
			Schema: 3, Count: 10, Sum: 9.5, ZeroCount: 3, ZeroThreshold: 1e-128,
			PositiveSpans: []histogram.Span{{Offset: 1, Length: 3}}, PositiveBuckets: []float64{1, 2, 4},
		},
	}}
	if diff := cmp.Diff(want, got.samples); diff != "" || len(dropped) > 0 {
		t.Errorf("dropped %v, samples:\n%s", dropped, diff)
	}
	examples := []clickhouse.Exemplar{{
		Metric: "wait_seconds", Labels: map[string]string{"job": "cart"}, Time: at, Value: 1.05,
		Of: map[string]string{"trace_id": "ab000000000000000000000000000000", "span_id": "cd00000000000000", "user_id": "7"},
	}}
	if diff := cmp.Diff(examples, got.exemplars); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]clickhouse.Metadata{{Metric: "wait_seconds", Kind: "histogram", Unit: "s", Help: "How long."}}, got.metadata); diff != "" {
		t.Error(diff)
	}

	p.SetScale(10) // finer than Prometheus has: two of its buckets, of four fine ones each
	p.Positive().BucketCounts().FromRaw([]uint64{1, 1, 1, 1, 3})
	_, got, _ = metricRows(md, clock{at})
	if h := got.samples[0].Histogram; h.Schema != 8 || !cmp.Equal(h.PositiveBuckets, []float64{4, 3}) || h.PositiveSpans[0].Offset != 1 {
		t.Errorf("got %v", h)
	}

	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	_, got, _ = metricRows(md, clock{at})
	if h := got.samples[0].Histogram; math.Float64bits(h.Sum) != value.StaleNaN {
		t.Errorf("ended: got %v", h)
	}
	p.SetFlags(pmetric.DefaultDataPointFlags)
	p.SetCount(1) // less than in the buckets
	if _, got, dropped := metricRows(md, clock{at}); dropped[badHistogram] != 1 || len(got.samples) != 0 {
		t.Errorf("dropped %v, took %v", dropped, got.samples)
	}
}
