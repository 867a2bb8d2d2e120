package compile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// measuring is what one override of a Telemetry's metrics says: of each label and metric
// whether it is left out.
type measuring struct {
	directions

	labels  map[mesh.MetricLabel]bool
	metrics map[mesh.Metric]bool
}

func measuringOf(o config.Object) []measuring {
	var out []measuring
	for _, m := range o.Telemetry.GetMetrics() {
		for _, v := range m.GetOverrides() {
			says := measuring{
				directions: directionsOf(v.GetMatch().GetMode()),
				labels:     map[mesh.MetricLabel]bool{}, metrics: map[mesh.Metric]bool{},
			}
			for name := range v.GetTagOverrides() {
				if label, can := config.RemovableLabel(name); can {
					says.labels[label] = true
				}
			}
			if off := v.GetDisabled(); off != nil {
				if metric, told := config.RemovableMetric(v.GetMatch().GetMetric()); told {
					says.metrics[metric] = off.GetValue()
				}
			}
			out = append(out, says)
		}
	}
	return out
}

// metricsFor is what an instance leaves out, nil for nothing: each level says its own over
// what those above it said, as in Istio.
func (ps Policies) metricsFor(i mesh.Instance) *mesh.Metrics {
	near := ps.near(i, func(p *selected) bool { return len(p.measuring) > 0 })
	empty := func() measuring {
		return measuring{labels: map[mesh.MetricLabel]bool{}, metrics: map[mesh.Metric]bool{}}
	}
	outbound, inbound := empty(), empty()
	for _, p := range slices.Backward(near) {
		for _, m := range p.measuring {
			if m.outbound {
				maps.Copy(outbound.labels, m.labels)
				maps.Copy(outbound.metrics, m.metrics)
			}
			if m.inbound {
				maps.Copy(inbound.labels, m.labels)
				maps.Copy(inbound.metrics, m.metrics)
			}
		}
	}
	out := mesh.Metrics{Outbound: outbound.rule(), Inbound: inbound.rule()}
	if out == (mesh.Metrics{}) {
		return nil
	}
	return &out
}

func (m *measuring) rule() *mesh.MetricRule {
	out := mesh.MetricRule{Remove: left(m.labels), Off: left(m.metrics)}
	if len(out.Remove)+len(out.Off) == 0 {
		return nil
	}
	return &out
}

// left are those that are left out, in order.
func left[T cmp.Ordered](of map[T]bool) []T {
	var out []T
	for _, k := range slices.Sorted(maps.Keys(of)) {
		if of[k] {
			out = append(out, k)
		}
	}
	return out
}
