package admit

import (
	"fmt"
	"hash/maphash"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/cardinality"
)

// SeriesError says that a series is not taken, as there are too many.
type SeriesError struct {
	Metric, Tenant, Reason string
	Limit                  int
}

// Error implements error.
func (e *SeriesError) Error() string {
	switch e.Reason {
	case SeriesOfMetric:
		return fmt.Sprintf("metric %q: tenant %q has %d series of it in use, the most there may be; give it fewer labels, or raise caps.seriesPerMetric in the collector's limits",
			e.Metric, e.Tenant, e.Limit)
	case SeriesOfTenant:
		return fmt.Sprintf("metric %q: tenant %q has %d series in use, the most there may be; send fewer, or raise caps.series in the collector's limits",
			e.Metric, e.Tenant, e.Limit)
	}
	return fmt.Sprintf("metric %q: all tenants together have %d series in use, the most there may be; send fewer", e.Metric, e.Limit)
}

func (a *Admission) admitSeries(tenant, metric string, key uint64, weight int) *SeriesError {
	e := &SeriesError{Metric: metric, Tenant: tenant}
	switch a.series.Admit(cardinality.Key{Group: tenant, Part: maphash.String(a.seed, metric), Hash: key, Weight: weight}) {
	case cardinality.Room:
		return nil
	case cardinality.Part:
		e.Reason, e.Limit = SeriesOfMetric, int(a.caps.SeriesPerMetric)
	case cardinality.Group:
		e.Reason, e.Limit = SeriesOfTenant, int(a.caps.Series)
	case cardinality.All:
		e.Reason, e.Limit = SeriesOfAll, mostSeries
	}
	return e
}

// Series reports whether a series of remote write is taken; the error is a *SeriesError.
func (a *Admission) Series(claim string, l labels.Labels) error {
	name, _ := Sender{Claim: claim}.name("")
	var sum uint64
	metric := ""
	l.Range(func(l labels.Label) {
		if l.Name == "__name__" {
			metric = l.Value
			return
		}
		sum += a.pair(l.Name, l.Value)
	})
	if err := a.admitSeries(name, metric, maphash.String(a.seed, metric)^sum, 1); err != nil {
		return err
	}
	return nil
}

// Samples charges a request of remote write; the error is a *throttle.RefusedError. GiveBack
// undoes it, once, where the request comes to nothing after all.
func (a *Admission) Samples(claim string, items, bytes int) (giveBack func(), err error) {
	s := Sender{Claim: claim, Bytes: bytes}
	if err := a.Charge(account.Metrics, s, items); err != nil {
		return nil, err
	}
	return func() { a.GiveBack(account.Metrics, s, items) }, nil
}
