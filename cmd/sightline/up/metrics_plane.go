package up

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// planePatience bounds how long a page waits for the control plane.
const planePatience = 3 * time.Second

// figures are had from the control plane, another process.
type figures interface {
	Metrics(ctx context.Context) ([]*dto.MetricFamily, error)
}

// planeFigures are the control plane's. They are asked for when they are wanted, and
// missing while it does not answer.
type planeFigures struct{ plane figures }

// Gather implements prometheus.Gatherer.
func (p planeFigures) Gather() ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(context.Background(), planePatience)
	defer cancel()
	all, err := p.plane.Metrics(ctx)
	answered := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sightline_controlplane_up", Help: "Whether the control plane answered for its figures.",
	})
	if err == nil {
		answered.Set(1)
	}
	own := prometheus.NewRegistry()
	own.MustRegister(answered)
	up, err := own.Gather()
	return append(all, up...), err
}
