package exporter

import (
	"maps"
	"math"
	"strconv"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// sampleBatch turns applications' metrics into series as Prometheus' own OTLP
// receiver names them: job and instance from the resource, units and _total in the
// name, histograms as _bucket, _sum and _count. Of exponential histograms and
// summaries only _sum and _count are kept. Delta temporality is refused: adding it up
// takes state that a restart would lose.
type sampleBatch struct {
	clock   clock
	samples []clickhouse.Sample
	dropped drops
}

func (b *sampleBatch) add(o origin, m pmetric.Metric) {
	if isDelta(m) {
		b.dropped[deltaMetric] += points(m)
		return
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: kindOfMetric(m)})
	if err != nil {
		b.dropped[emptyMetric] += points(m)
		return
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		b.numbers(o, name, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		b.numbers(o, name, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			b.histogram(pointOf(o, name, p), p)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			b.total(pointOf(o, name, p), p.Sum(), p.Count())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			b.total(pointOf(o, name, p), p.Sum(), p.Count())
		}
	}
}

// point is where the samples of one data point go.
type point struct {
	name   string
	labels map[string]string
	at     pcommon.Timestamp
}

func pointOf(o origin, name string, p interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
},
) point {
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
	return point{name: name, labels: labels, at: p.Timestamp()}
}

func (b *sampleBatch) numbers(o origin, name string, ps pmetric.NumberDataPointSlice) {
	for _, p := range ps.All() {
		at := pointOf(o, name, p)
		switch {
		case !b.fits(at):
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
	at.labels = maps.Clone(at.labels)
	at.labels["le"] = strconv.FormatFloat(bound, 'f', -1, 64)
	b.put(at, "_bucket", float64(below))
}

func (b *sampleBatch) total(at point, sum float64, count uint64) {
	if b.fits(at) {
		b.put(at, "_sum", sum)
		b.put(at, "_count", float64(count))
	}
}

func (b *sampleBatch) put(p point, suffix string, value float64) {
	b.samples = append(b.samples, clickhouse.Sample{
		Metric: p.name + suffix, Labels: p.labels, Time: p.at.AsTime(), Value: value,
	})
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
