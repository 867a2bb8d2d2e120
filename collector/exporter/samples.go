package exporter

import (
	"maps"
	"math"
	"strconv"

	"github.com/prometheus/otlptranslator"
	stale "github.com/prometheus/prometheus/model/value"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/otlp"
)

// sampleBatch turns applications' metrics into series as Prometheus' own OTLP
// receiver names them: job and instance from the resource, units and _total in the
// name, histograms as _bucket, _sum and _count, exponential ones as native histograms. Of
// summaries only _sum and _count are kept. Delta temporality is refused: adding it up
// takes state that a restart would lose.
type sampleBatch struct {
	clock     clock
	samples   []clickhouse.Sample
	exemplars []clickhouse.Exemplar
	metadata  []clickhouse.Metadata
	dropped   drops
}

func (b *sampleBatch) add(o origin, m pmetric.Metric) {
	if isDelta(m) {
		b.dropped[deltaMetric] += otlp.Points(m)
		return
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: kindOfMetric(m)})
	if err != nil {
		b.dropped[emptyMetric] += otlp.Points(m)
		return
	}
	b.describe(name, m)
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		b.numbers(o, name, m.Gauge().DataPoints(), pointOf)
	case pmetric.MetricTypeSum:
		b.numbers(o, name, m.Sum().DataPoints(), sumOf(m.Sum()))
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			b.histogram(counterOf(o, name, p), p)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			b.native(counterOf(o, name, p), p)
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			b.total(counterOf(o, name, p), p.Sum(), p.Count())
		}
	}
}

// point is where the samples of one data point go.
type point struct {
	name   string
	labels map[string]string
	at     pcommon.Timestamp
	start  pcommon.Timestamp // of a counter; 0 is not known
	ended  bool              // there is no value any more
}

// dataPoint is what all kinds of data points have.
type dataPoint interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
	StartTimestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

// sumOf is what the points of a sum are: only one that never falls counts.
func sumOf(s pmetric.Sum) func(origin, string, dataPoint) point {
	if s.IsMonotonic() {
		return counterOf
	}
	return pointOf
}

// counterOf is pointOf something that counts.
func counterOf(o origin, name string, p dataPoint) point {
	at := pointOf(o, name, p)
	at.start = p.StartTimestamp()
	return at
}

func pointOf(o origin, name string, p dataPoint) point {
	labels := make(map[string]string, p.Attributes().Len()+2)
	namer := otlptranslator.LabelNamer{}
	for k, v := range p.Attributes().All() {
		if key, err := namer.Build(k); err == nil {
			labels[key] = v.AsString()
		}
	}
	labels["job"] = o.Service
	if o.Namespace != "" {
		labels["job"] = o.Namespace + "/" + o.Service
	}
	if o.Instance != "" {
		labels["instance"] = o.Instance
	}
	return point{name: name, labels: labels, at: p.Timestamp(), ended: p.Flags().NoRecordedValue()}
}

func (b *sampleBatch) numbers(o origin, name string, ps pmetric.NumberDataPointSlice, as func(origin, string, dataPoint) point) {
	for _, p := range ps.All() {
		at := as(o, name, p)
		if !b.fits(at) {
			continue
		}
		b.examples(at, p.Exemplars())
		switch {
		case at.ended:
			b.put(at, "", 0)
		case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
			b.put(at, "", float64(p.IntValue()))
		case p.ValueType() == pmetric.NumberDataPointValueTypeDouble:
			b.put(at, "", p.DoubleValue())
		default:
			b.dropped[emptyMetric]++
		}
	}
}

// fits counts a point as dropped where its time is out of range.
func (b *sampleBatch) fits(p point) bool {
	if b.clock.keeps(p.at.AsTime()) {
		return true
	}
	b.dropped[outOfTime]++
	return false
}

func (b *sampleBatch) histogram(at point, p pmetric.HistogramDataPoint) {
	if !b.fits(at) {
		return
	}
	var below uint64
	b.bucketExamples(at, p)
	for i, n := range p.BucketCounts().All() {
		below += n
		bound := math.Inf(1)
		if i < p.ExplicitBounds().Len() {
			bound = p.ExplicitBounds().At(i)
		}
		b.bucket(at, bound, below)
	}
	if p.BucketCounts().Len() == 0 {
		b.bucket(at, math.Inf(1), p.Count())
	}
	b.put(at, "_sum", p.Sum())
	b.put(at, "_count", float64(p.Count()))
}

func (b *sampleBatch) bucket(at point, bound float64, below uint64) {
	b.put(at.below(bound), "_bucket", float64(below))
}

// below is the point's part of a histogram up to a bound.
func (p point) below(bound float64) point {
	p.labels = maps.Clone(p.labels)
	p.labels["le"] = strconv.FormatFloat(bound, 'f', -1, 64)
	return p
}

func (b *sampleBatch) total(at point, sum float64, count uint64) {
	if b.fits(at) {
		b.put(at, "_sum", sum)
		b.put(at, "_count", float64(count))
	}
}

func (b *sampleBatch) put(p point, suffix string, value float64) {
	s := p.sample(suffix)
	if s.Value = value; p.ended {
		s.Value = math.Float64frombits(stale.StaleNaN)
	}
	b.samples = append(b.samples, s)
}

func (p point) sample(suffix string) clickhouse.Sample {
	s := clickhouse.Sample{Metric: p.name + suffix, Labels: p.labels, Time: p.at.AsTime()}
	if p.start != 0 {
		s.Start = p.start.AsTime()
	}
	return s
}

func isDelta(m pmetric.Metric) bool {
	const delta = pmetric.AggregationTemporalityDelta
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().AggregationTemporality() == delta
	case pmetric.MetricTypeHistogram:
		return m.Histogram().AggregationTemporality() == delta
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().AggregationTemporality() == delta
	}
	return false
}

func kindOfMetric(m pmetric.Metric) otlptranslator.MetricType {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return otlptranslator.MetricTypeGauge
	case pmetric.MetricTypeSum:
		if m.Sum().IsMonotonic() {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	case pmetric.MetricTypeHistogram:
		return otlptranslator.MetricTypeHistogram
	case pmetric.MetricTypeExponentialHistogram:
		return otlptranslator.MetricTypeExponentialHistogram
	case pmetric.MetricTypeSummary:
		return otlptranslator.MetricTypeSummary
	}
	return otlptranslator.MetricTypeUnknown
}
