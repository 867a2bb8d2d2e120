package proxy

import (
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/sampling"
)

// told is what is said of what a sidecar tells, compiled, by direction.
type told struct {
	sampler *sampling.Sampler
	logs    [2]*accesslog.Rule
	spans   [2]*emit.SpanRule
	metrics [2]emit.MetricRule
}

// telling proves what is said of what is told.
func telling(in *mesh.Inbound) (t told, err error) {
	if in.Sampling != nil {
		if t.sampler, err = sampling.Compile(in.Sampling); err != nil {
			return t, fmt.Errorf("compile sampling: %w", err)
		}
	}
	if t.logs, err = logRules(in.Logs); err != nil {
		return t, err
	}
	if t.spans, err = spanRules(in.Spans); err != nil {
		return t, err
	}
	t.metrics, err = metricRules(in.Metrics)
	return t, err
}

// tell puts it in force.
func (g *guards) tell(t told) {
	g.sampler.Store(t.sampler)
	for direction := range t.logs {
		g.logs[direction].Store(t.logs[direction])
		g.spans[direction].Store(t.spans[direction])
	}
	if g.leave != nil {
		g.leave(t.metrics)
	}
}

// logRules compiles which requests of each direction get a row in the access log.
func logRules(l *mesh.AccessLogs) (out [2]*accesslog.Rule, err error) {
	if l == nil {
		return out, nil
	}
	for direction, a := range [...]*mesh.AccessLog{emit.Outbound: l.Outbound, emit.Inbound: l.Inbound} {
		if out[direction], err = accesslog.Compile(a); err != nil {
			return out, fmt.Errorf("compile access log: %w", err)
		}
	}
	return out, nil
}

// spanRules compiles what is said of the spans of each direction.
func spanRules(s *mesh.Spans) (out [2]*emit.SpanRule, err error) {
	if s == nil {
		return out, nil
	}
	for direction, r := range [...]*mesh.SpanRule{emit.Outbound: s.Outbound, emit.Inbound: s.Inbound} {
		if out[direction], err = emit.CompileSpans(r); err != nil {
			return out, fmt.Errorf("compile spans: %w", err)
		}
	}
	return out, nil
}

// metricRules compiles what metrics of each direction do without.
func metricRules(m *mesh.Metrics) (out [2]emit.MetricRule, err error) {
	if m == nil {
		return out, nil
	}
	for direction, r := range [...]*mesh.MetricRule{emit.Outbound: m.Outbound, emit.Inbound: m.Inbound} {
		if out[direction], err = emit.CompileMetrics(r); err != nil {
			return out, fmt.Errorf("compile metrics: %w", err)
		}
	}
	return out, nil
}
