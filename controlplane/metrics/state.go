package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

var (
	instances = prometheus.NewDesc("sightline_registry_instances",
		"Instances that are registered, by state.", []string{"state"}, nil)
	services = prometheus.NewDesc("sightline_registry_services",
		"Services that have instances.", nil, nil)
	resources = prometheus.NewDesc("sightline_config_resources",
		"Stored resources, by kind.", []string{"kind"}, nil)
	unreadable = prometheus.NewDesc("sightline_config_unreadable",
		"Stored values that this control plane cannot read, as another version stored them: what was last read of each stays in force.", nil, nil)
	compiled = prometheus.NewDesc("sightline_config_compiled_services_total",
		"Services whose snapshot was made anew as a change touched them.", nil, nil)
	verdicts = prometheus.NewDesc("sightline_verdicts",
		"Verdicts in force, by phase.", []string{"phase"}, nil)
)

// stateFigures are of what the store holds of the mesh.
type stateFigures struct{ s Sources }

// Describe implements prometheus.Collector.
func (stateFigures) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, instances, services, resources, unreadable, compiled, verdicts)
}

// Collect implements prometheus.Collector.
func (f stateFigures) Collect(ch chan<- prometheus.Metric) {
	p, h := page(ch), f.s.Holdings()
	for _, s := range []mesh.InstanceState{mesh.Starting, mesh.Ready, mesh.Draining, mesh.Caller} {
		p.gauge(instances, float64(h.Instances[s]), string(s))
	}
	p.gauge(services, float64(h.Services))
	p.gauge(unreadable, float64(h.Unreadable))
	p.count(compiled, h.Compiled)
	for kind, n := range h.Resources {
		p.gauge(resources, float64(n), kind)
	}
	for _, one := range []mesh.Phase{mesh.Tripped, mesh.Probing} {
		p.gauge(verdicts, float64(h.Verdicts[one]), string(one))
	}
}
