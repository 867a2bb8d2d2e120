package up

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// planePatience bounds how long a page waits for the control plane.
const planePatience = 2 * time.Second

// propagation knows how changes reach the sidecars.
type propagation interface {
	Propagation(ctx context.Context) (mesh.Propagation, error)
}

// planeMetrics are the control plane's figures. They are read when they are asked for,
// and missing while it does not answer.
type planeMetrics struct{ p propagation }

var (
	planeUp = prometheus.NewDesc("sightline_controlplane_up",
		"Whether the control plane answered for these figures.", nil, nil)
	propagated = prometheus.NewDesc("sightline_config_propagation_seconds",
		"From the commit of a change until a sidecar had it in force, by the control plane's clock; one for each change and sidecar.", nil, nil)
)

// Describe implements prometheus.Collector.
func (planeMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- planeUp
	ch <- propagated
}

// Collect implements prometheus.Collector.
func (m planeMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), planePatience)
	defer cancel()
	p, err := m.p.Propagation(ctx)
	if err != nil {
		ch <- prometheus.MustNewConstMetric(planeUp, prometheus.GaugeValue, 0)
		return
	}
	ch <- prometheus.MustNewConstMetric(planeUp, prometheus.GaugeValue, 1)
	buckets := make(map[float64]uint64, len(p.Buckets))
	for _, b := range p.Buckets {
		buckets[b.Le] = b.Count
	}
	ch <- prometheus.MustNewConstHistogram(propagated, p.Count, p.Sum, buckets)
}
