package exporter

import (
	"cmp"
	"encoding/hex"
	"errors"
	"math"
	"slices"

	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/histogram"
	stale "github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

const (
	// zeroThreshold is the width of the zero bucket where a sender names none: the one of
	// Prometheus' clients and of its OTLP receiver.
	zeroThreshold = 1e-128
	// maxGap is how many empty buckets a span may hold before another begins, as in
	// Prometheus' clients.
	maxGap = 2
)

// native takes an exponential histogram as a native one.
func (b *sampleBatch) native(at point, p pmetric.ExponentialHistogramDataPoint) {
	if !b.fits(at) {
		return
	}
	h, err := nativeOf(p)
	if err != nil {
		b.dropped[badHistogram]++
		return
	}
	if at.ended {
		h = &histogram.FloatHistogram{Sum: math.Float64frombits(stale.StaleNaN)}
	}
	b.examples(at, p.Exemplars())
	s := at.sample("")
	s.Histogram = h
	b.samples = append(b.samples, s)
}

func nativeOf(p pmetric.ExponentialHistogramDataPoint) (*histogram.FloatHistogram, error) {
	h := &histogram.FloatHistogram{
		Schema: p.Scale(), Count: float64(p.Count()), Sum: p.Sum(),
		ZeroCount: float64(p.ZeroCount()), ZeroThreshold: cmp.Or(p.ZeroThreshold(), zeroThreshold),
	}
	h.PositiveSpans, h.PositiveBuckets = spanOf(p.Positive())
	h.NegativeSpans, h.NegativeBuckets = spanOf(p.Negative())
	if h.Schema > histogram.ExponentialSchemaMax {
		if err := h.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return nil, err
		}
	}
	counted := h.ZeroCount
	for _, n := range slices.Concat(h.PositiveBuckets, h.NegativeBuckets) {
		counted += n
	}
	if counted > h.Count {
		return nil, errCount
	}
	h.Compact(maxGap)
	return h, h.Validate()
}

var errCount = errors.New("more observations in the buckets than there were")

// spanOf counts from one where OTLP counts from zero: Prometheus numbers a bucket by its
// upper bound.
func spanOf(b pmetric.ExponentialHistogramDataPointBuckets) ([]histogram.Span, []float64) {
	n := b.BucketCounts().Len()
	if n == 0 {
		return nil, nil
	}
	counts := make([]float64, n)
	for i, c := range b.BucketCounts().All() {
		counts[i] = float64(c)
	}
	return []histogram.Span{{Offset: b.Offset() + 1, Length: uint32(n)}}, counts
}

// examples takes exemplars of a point.
func (b *sampleBatch) examples(at point, all pmetric.ExemplarSlice) {
	for _, e := range all.All() {
		b.example(at, e)
	}
}

// bucketExamples takes those of a histogram, each as one of the narrowest bucket that
// counts it.
func (b *sampleBatch) bucketExamples(at point, p pmetric.HistogramDataPoint) {
	at.name += "_bucket"
	for _, e := range p.Exemplars().All() {
		bound := math.Inf(1)
		for _, upTo := range p.ExplicitBounds().All() {
			if valueOf(e) <= upTo {
				bound = upTo
				break
			}
		}
		b.example(at.below(bound), e)
	}
}

func (b *sampleBatch) example(at point, e pmetric.Exemplar) {
	t := e.Timestamp()
	if t == 0 {
		t = at.at
	}
	if !b.clock.keeps(t.AsTime()) {
		return // its point is what is counted
	}
	of := map[string]string{}
	namer := otlptranslator.LabelNamer{}
	for k, v := range e.FilteredAttributes().All() {
		if key, err := namer.Build(k); err == nil {
			of[key] = v.AsString()
		}
	}
	if id := e.TraceID(); !id.IsEmpty() {
		of["trace_id"] = hex.EncodeToString(id[:])
	}
	if id := e.SpanID(); !id.IsEmpty() {
		of["span_id"] = hex.EncodeToString(id[:])
	}
	b.exemplars = append(b.exemplars, clickhouse.Exemplar{Metric: at.name, Labels: at.labels, Of: of, Time: t.AsTime(), Value: valueOf(e)})
}

func valueOf(e pmetric.Exemplar) float64 {
	if e.ValueType() == pmetric.ExemplarValueTypeInt {
		return float64(e.IntValue())
	}
	return e.DoubleValue()
}

// describe takes what a metric is.
func (b *sampleBatch) describe(name string, m pmetric.Metric) {
	b.metadata = append(b.metadata, clickhouse.Metadata{Metric: name, Kind: kindWord(m), Unit: m.Unit(), Help: m.Description()})
}

// kindWord is Prometheus' word for a kind.
func kindWord(m pmetric.Metric) string {
	switch kindOfMetric(m) {
	case otlptranslator.MetricTypeMonotonicCounter:
		return "counter"
	case otlptranslator.MetricTypeHistogram, otlptranslator.MetricTypeExponentialHistogram:
		return "histogram"
	case otlptranslator.MetricTypeSummary:
		return "summary"
	case otlptranslator.MetricTypeGauge, otlptranslator.MetricTypeNonMonotonicCounter:
		return "gauge"
	}
	return "unknown"
}
