package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// patience bounds how long a page waits for the store.
const patience = 2 * time.Second

var (
	info = prometheus.NewDesc("sightline_controlplane_info",
		"This control plane, by its name among others and its mesh's.", []string{"replica", "trust_domain"}, nil)
	leader = prometheus.NewDesc("sightline_controlplane_leader",
		"Whether this control plane decides on verdicts; one of them does.", nil, nil)
	replicas = prometheus.NewDesc("sightline_controlplane_replicas",
		"Control planes on the same store. Missing while the store does not answer.", nil, nil)
	storeSize = prometheus.NewDesc("sightline_store_size_bytes",
		"What the embedded etcd takes on disk.", nil, nil)
	storeQuota = prometheus.NewDesc("sightline_store_quota_bytes",
		"What it may take at most: at that it takes no change any more.", nil, nil)
)

// planeFigures are of the control plane itself and its store.
type planeFigures struct{ s Sources }

// Describe implements prometheus.Collector.
func (planeFigures) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, info, leader, replicas, storeSize, storeQuota)
}

// Collect implements prometheus.Collector.
func (f planeFigures) Collect(ch chan<- prometheus.Metric) {
	p := page(ch)
	p.gauge(info, 1, f.s.Replica, f.s.TrustDomain)
	p.flag(leader, f.s.Leads())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if n, err := f.s.Replicas(ctx); err == nil {
		p.gauge(replicas, float64(n))
	}
	if bytes, most, ok := f.s.StoreSize(); ok {
		p.gauge(storeSize, float64(bytes))
		p.gauge(storeQuota, float64(most))
	}
}
