package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// RemovableLabel is what a label of metrics is to the mesh, if it can do without it.
func RemovableLabel(name string) (label mesh.MetricLabel, ok bool) {
	label, ok = map[string]mesh.MetricLabel{
		"method": mesh.LabelMethod, "request_method": mesh.LabelMethod, "route": mesh.LabelRoute,
		"source_version": mesh.LabelPeerVersion, "source_canonical_revision": mesh.LabelPeerVersion,
	}[name]
	return label, ok
}

// RemovableMetric is what a metric is to the mesh, if it makes it and can do without it.
func RemovableMetric(m telemetry.MetricSelector_IstioMetric) (metric mesh.Metric, ok bool) {
	metric = mesh.Metric(m.String())
	return metric, slices.Contains([]mesh.Metric{mesh.RequestSize, mesh.ResponseSize, mesh.ReceivedBytes, mesh.SentBytes}, metric)
}

// notMade are metrics that there are not, so that to turn them off says nothing new.
var notMade = []telemetry.MetricSelector_IstioMetric{
	telemetry.MetricSelector_GRPC_REQUEST_MESSAGES, telemetry.MetricSelector_GRPC_RESPONSE_MESSAGES,
}

func (v *validator) metrics(all []*telemetry.Metrics) {
	for i, m := range all {
		at := fmt.Sprintf("spec.metrics[%d]", i)
		if len(m.GetOverrides()) == 0 {
			v.fault(at+".overrides", "is missing, so nothing is said; want an entry")
		}
		for j, o := range m.GetOverrides() {
			v.override(o, fmt.Sprintf("%s.overrides[%d]", at, j))
		}
	}
}

func (v *validator) override(o *telemetry.MetricsOverrides, at string) {
	metric := o.GetMatch().GetMetric()
	_, can := RemovableMetric(metric)
	switch off := o.GetDisabled().GetValue(); {
	case o.GetDisabled() == nil && len(o.GetTagOverrides()) == 0:
		v.fault(at, "says nothing; want disabled or tagOverrides")
	case off && !can && !slices.Contains(notMade, metric):
		v.fault(at+".disabled", "%s cannot be turned off: the graph, anomalies, verdicts and SLOs are made of what it counts; want REQUEST_SIZE, RESPONSE_SIZE, TCP_SENT_BYTES or TCP_RECEIVED_BYTES", metric)
	}
	if len(o.GetTagOverrides()) > 0 && metric != telemetry.MetricSelector_ALL_METRICS {
		v.fault(at+".match.metric", "%s: all metrics of a request have the same labels here; want ALL_METRICS", metric)
	}
	for _, name := range slices.Sorted(maps.Keys(o.GetTagOverrides())) {
		v.tagOverride(name, o, fmt.Sprintf("%s.tagOverrides[%q]", at, name))
	}
}

func (v *validator) tagOverride(name string, o *telemetry.MetricsOverrides, at string) {
	label, can := RemovableLabel(name)
	switch {
	case !can:
		v.fault(at, "cannot be removed: what goes wrong, and where, is told by it; of all labels the mesh can do without method, route and source_version")
	case o.GetTagOverrides()[name].GetOperation() != telemetry.MetricsOverrides_TagOverride_REMOVE:
		v.fault(at+".operation", "is missing; want REMOVE")
	case label == mesh.LabelPeerVersion && o.GetMatch().GetMode() != telemetry.WorkloadMode_SERVER:
		v.fault(strings.TrimSuffix(at, fmt.Sprintf(".tagOverrides[%q]", name))+".match.mode", "want SERVER: what a caller says of itself has its own version, which verdicts need")
	}
}
