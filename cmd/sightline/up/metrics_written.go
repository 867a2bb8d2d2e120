package up

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-mesh/sightline/collector/remote"
)

// writtenMetrics are the books of remote write. They are read when they are asked for.
type writtenMetrics struct{ w *remote.Writer }

var (
	writtenItems = prometheus.NewDesc("sightline_remote_write_items_total",
		"What remote write brought, by kind and by what became of it.", []string{"kind", "outcome"}, nil)
	writtenRequests = prometheus.NewDesc("sightline_remote_write_requests_total",
		"Requests of remote write; of those that failed nothing was stored.", []string{"outcome"}, nil)
)

// Describe implements prometheus.Collector.
func (writtenMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- writtenItems
	ch <- writtenRequests
}

// Collect implements prometheus.Collector.
func (m writtenMetrics) Collect(ch chan<- prometheus.Metric) {
	a := m.w.Accounting()
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	count(writtenItems, a.Samples, "samples", "stored")
	count(writtenItems, a.Histograms, "histograms", "stored")
	count(writtenItems, a.Exemplars, "exemplars", "stored")
	count(writtenItems, a.Refused, "all", "refused")
	count(writtenRequests, a.Requests-a.Failed, "taken")
	count(writtenRequests, a.Failed, "failed")
}
