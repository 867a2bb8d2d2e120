package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

var (
	sidecars = prometheus.NewDesc("sightline_push_sidecars",
		"Sidecars that have their stream here: in_sync, behind, or refused the newest push.", []string{"state"}, nil)
	streams = prometheus.NewDesc("sightline_push_streams_total",
		"Streams that sidecars made; many a second is a storm of those that come back.", nil, nil)
	pushes = prometheus.NewDesc("sightline_push_sent_total",
		"Pushes to sidecars.", nil, nil)
	snapshots = prometheus.NewDesc("sightline_push_snapshots_sent_total",
		"Snapshots of services in those pushes.", nil, nil)
	answers = prometheus.NewDesc("sightline_push_answers_total",
		"What sidecars made of pushes.", []string{"answer"}, nil)
	propagated = prometheus.NewDesc("sightline_config_propagation_seconds",
		"From the commit of a change until a sidecar had it in force, by the control plane's clock; one for each change and sidecar.", nil, nil)
	version = prometheus.NewDesc("sightline_config_version",
		"Version of the state that is pushed: the store's revision.", nil, nil)
	failures = prometheus.NewDesc("sightline_config_load_failures_total",
		"States that could not be compiled from what is stored; the last good one is served on.", nil, nil)
)

// pushFigures are of what sidecars are told.
type pushFigures struct{ s Sources }

// Describe implements prometheus.Collector.
func (pushFigures) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, sidecars, streams, pushes, snapshots, answers, propagated, version, failures)
}

// Collect implements prometheus.Collector.
func (f pushFigures) Collect(ch chan<- prometheus.Metric) {
	p := page(ch)
	states := map[string]int{"in_sync": 0, "behind": 0, "refused": 0}
	for _, s := range f.s.Proxies() {
		states[stateOf(s)]++
	}
	for state, n := range states {
		p.gauge(sidecars, float64(n), state)
	}
	t := f.s.Pushes()
	p.count(streams, t.Streams)
	p.count(pushes, t.Pushes)
	p.count(snapshots, t.Snapshots)
	p.count(answers, t.Accepted, "accepted")
	p.count(answers, t.Refused, "refused")
	p.count(failures, t.Failed)
	p.gauge(version, float64(f.s.Version()))
	ch <- histogram(propagated, f.s.Propagation())
}

func stateOf(s mesh.ProxyStatus) string {
	switch {
	case s.Refusal != "":
		return "refused"
	case s.InSync:
		return "in_sync"
	}
	return "behind"
}

func histogram(d *prometheus.Desc, h hub.Histogram) prometheus.Metric {
	buckets, sum := make(map[float64]uint64, len(hub.Buckets)), uint64(0)
	for i, le := range hub.Buckets {
		sum += h.Counts[i]
		buckets[le] = sum
	}
	return prometheus.MustNewConstHistogram(d, h.Count, h.Sum, buckets)
}
