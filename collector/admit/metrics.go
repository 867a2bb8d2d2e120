package admit

import (
	"fmt"
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/otlp"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// Metrics decides what of md is taken and takes the rest out of it. The error is a
// *throttle.RefusedError; then md is as it was.
func (a *Admission) Metrics(s Sender, md pmetric.Metrics) (*Outcome, error) {
	out := &Outcome{signal: account.Metrics, unit: "data points", items: md.DataPointCount()}
	if err := a.take(s, metricParts(s, md, out.items), out); err != nil {
		return out, err
	}
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		n := pointsOf(rm)
		if !a.resource(rm.Resource(), n, out) {
			return true
		}
		o := a.ownerOf(s, rm.Resource(), n, out)
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			if !a.scope(sm.Scope(), scopePoints(sm), out) {
				return true
			}
			of := a.metricOf(o, rm.Resource(), sm, out)
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return !of.take(m) })
			return sm.Metrics().Len() == 0
		})
		return rm.ScopeMetrics().Len() == 0
	})
	return out, nil
}

func metricParts(s Sender, md pmetric.Metrics, items int) []part {
	all := md.ResourceMetrics()
	size := pmetric.ProtoMarshaler{}
	if s.one(all.Len()) {
		return []part{{all.At(0).Resource(), items, s.size(func() int { return size.MetricsSize(md) })}}
	}
	parts := make([]part, 0, all.Len())
	for _, rm := range all.All() {
		parts = append(parts, part{rm.Resource(), pointsOf(rm), size.ResourceMetricsSize(rm)})
	}
	return parts
}

func pointsOf(rm pmetric.ResourceMetrics) (n int) {
	for _, sm := range rm.ScopeMetrics().All() {
		n += scopePoints(sm)
	}
	return n
}

func scopePoints(sm pmetric.ScopeMetrics) (n int) {
	for _, m := range sm.Metrics().All() {
		n += otlp.Points(m)
	}
	return n
}

// scopeMetrics takes the metrics of one scope.
type scopeMetrics struct {
	*Admission
	owner

	origin   uint64 // hash of what tells the resource from others
	requests bool   // they are a sidecar's request metrics
	out      *Outcome
}

func (a *Admission) metricOf(o owner, r pcommon.Resource, sm pmetric.ScopeMetrics, out *Outcome) *scopeMetrics {
	of := &scopeMetrics{Admission: a, owner: o, out: out, requests: sm.Scope().Name() == signal.ScopeRED}
	if of.requests {
		a.reporter(o, r, scopePoints(sm), out)
	}
	for _, key := range identity {
		if v, ok := r.Attributes().Get(key); ok {
			of.origin += a.pair(key, textOf(v))
		}
	}
	return of
}

// take reports whether anything of a metric is taken.
func (s *scopeMetrics) take(m pmetric.Metric) bool {
	had := otlp.Points(m)
	var read reading
	fault := first(read.field("name", m.Name()), read.field("unit", m.Unit()), read.field("description", m.Description()))
	if fault != "" {
		s.out.reject(NotUTF8, had, func() string { return fmt.Sprintf("metric %q: %s", m.Name(), fault) })
		return false
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		s.numbers(m, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		s.numbers(m, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool {
			return !s.point(m, p.Attributes(), p.Exemplars(), p.BucketCounts().Len()+2)
		})
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			return !s.point(m, p.Attributes(), p.Exemplars(), 1)
		})
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool {
			return !s.point(m, p.Attributes(), pmetric.NewExemplarSlice(), 2)
		})
	}
	return otlp.Points(m) > 0 || had == 0 // which still says what it is
}

func (s *scopeMetrics) numbers(m pmetric.Metric, all pmetric.NumberDataPointSlice) {
	all.RemoveIf(func(p pmetric.NumberDataPoint) bool { return !s.point(m, p.Attributes(), p.Exemplars(), 1) })
}

// point reports whether a point can be taken, which makes so many series.
func (s *scopeMetrics) point(m pmetric.Metric, attrs pcommon.Map, examples pmetric.ExemplarSlice, series int) bool {
	var read reading
	fault := read.attributes(attrs)
	for i, e := range examples.All() {
		fault = first(fault, within("exemplar", i, read.attributes(e.FilteredAttributes())))
	}
	if fault != "" {
		s.out.reject(NotUTF8, 1, func() string { return fmt.Sprintf("metric %q: %s", m.Name(), fault) })
		return false
	}
	if s.requests {
		s.row(attrs)
		return true
	}
	key := maphash.String(s.seed, m.Name()) ^ (s.origin + s.hash(attrs))
	if err := s.admitSeries(s.tenant, m.Name(), key, series); err != nil {
		s.out.reject(err.Reason, 1, err.Error)
		return false
	}
	return true
}
