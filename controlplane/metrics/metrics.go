package metrics

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// Sources are what figures are read from. None may block, but Replicas.
type Sources struct {
	Replica, TrustDomain string

	Leads func() bool
	// Replicas is how many control planes there are, which the store knows. It is given
	// two seconds.
	Replicas    func(ctx context.Context) (int, error)
	Proxies     func() []mesh.ProxyStatus // that have their stream here
	Pushes      func() hub.Tally
	Propagation func() hub.Histogram
	Version     func() uint64 // of the state in force
	Holdings    func() mirror.Holdings
	Authority   func() Authority
	// StoreSize is how large the store is and may become; ok is false where that is not
	// known here.
	StoreSize func() (bytes, most int64, ok bool)
}

// Authority is how the certificate authority stands, and who is connected with one of its
// certificates.
type Authority struct {
	Signing mesh.AuthorityCertificate
	Roots   []mesh.AuthorityCertificate
	Phase   string // steady, distribute, renew
	Version uint64 // of whom to trust
	Revoked int

	Holders, Lagging, Outdated, Troubled int
}

// Tally counts what is counted where it happens. Its methods may be called from any
// goroutine.
type Tally struct {
	Enrolled, Renewed, Denied atomic.Uint64

	requests *prometheus.HistogramVec
}

// NewTally counts from zero.
func NewTally() *Tally {
	return &Tally{requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sightline_store_request_duration_seconds", Help: "How long etcd took to answer, by what was asked and how it ended.",
		Buckets: hub.Buckets[:],
	}, []string{"operation", "outcome"})}
}

// Stored takes note of a request to the store.
func (t *Tally) Stored(r store.Request) {
	outcome := "ok"
	switch {
	case errors.Is(r.Err, context.Canceled): // whoever asked has gone
		outcome = "canceled"
	case r.Err != nil:
		outcome = "error"
	}
	t.requests.WithLabelValues(r.Operation, outcome).Observe(r.Took.Seconds())
}

// New is every figure of one control plane.
func New(s Sources, t *Tally) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(t.requests, planeFigures{s}, pushFigures{s}, authorityFigures{s, t}, stateFigures{s})
	return r
}

// page is where figures are written.
type page chan<- prometheus.Metric

func (p page) gauge(d *prometheus.Desc, v float64, labels ...string) {
	p <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (p page) count(d *prometheus.Desc, v uint64, labels ...string) {
	p <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func describe(ch chan<- *prometheus.Desc, all ...*prometheus.Desc) {
	for _, d := range all {
		ch <- d
	}
}

func (p page) flag(d *prometheus.Desc, set bool, labels ...string) { //nolint:revive // flag-parameter: that is what is written
	v := 0.0
	if set {
		v = 1
	}
	p.gauge(d, v, labels...)
}
