package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromMetrics(m *mesh.Metrics) *Metrics {
	if m == nil {
		return nil
	}
	return &Metrics{Outbound: fromMetricRule(m.Outbound), Inbound: fromMetricRule(m.Inbound)}
}

func toMetrics(m *Metrics) *mesh.Metrics {
	if m == nil {
		return nil
	}
	return &mesh.Metrics{Outbound: toMetricRule(m.GetOutbound()), Inbound: toMetricRule(m.GetInbound())}
}

func fromMetricRule(r *mesh.MetricRule) *MetricRule {
	if r == nil {
		return nil
	}
	return &MetricRule{
		Remove: each(r.Remove, func(l mesh.MetricLabel) string { return string(l) }),
		Off:    each(r.Off, func(m mesh.Metric) string { return string(m) }),
	}
}

func toMetricRule(r *MetricRule) *mesh.MetricRule {
	if r == nil {
		return nil
	}
	return &mesh.MetricRule{
		Remove: each(r.GetRemove(), func(l string) mesh.MetricLabel { return mesh.MetricLabel(l) }),
		Off:    each(r.GetOff(), func(m string) mesh.Metric { return mesh.Metric(m) }),
	}
}
