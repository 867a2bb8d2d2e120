package emit

import (
	"fmt"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// MetricRule is a compiled mesh.MetricRule: what RED rows of one direction are without.
type MetricRule struct {
	method, route, peerVersion          bool
	requests, responses, received, sent bool // the sizes
}

// CompileMetrics proves what is left out of the metrics of one direction.
func CompileMetrics(r *mesh.MetricRule) (MetricRule, error) {
	var out MetricRule
	if r == nil {
		return out, nil
	}
	for _, l := range r.Remove {
		left := out.label(l)
		if left == nil {
			return out, fmt.Errorf("label %q: is none that can be left out", l)
		}
		*left = true
	}
	for _, m := range r.Off {
		left := out.size(m)
		if left == nil {
			return out, fmt.Errorf("metric %q: is none that can be left out", m)
		}
		*left = true
	}
	return out, nil
}

// label is what says whether a label is left out, nil for one that cannot be.
func (m *MetricRule) label(l mesh.MetricLabel) *bool {
	switch l {
	case mesh.LabelMethod:
		return &m.method
	case mesh.LabelRoute:
		return &m.route
	case mesh.LabelPeerVersion:
		return &m.peerVersion
	}
	return nil
}

// size is the same for a metric.
func (m *MetricRule) size(of mesh.Metric) *bool {
	switch of {
	case mesh.RequestSize:
		return &m.requests
	case mesh.ResponseSize:
		return &m.responses
	case mesh.ReceivedBytes:
		return &m.received
	case mesh.SentBytes:
		return &m.sent
	}
	return nil
}

// labels is what is left of them. The version of a callee always is: verdicts need it.
func (m *MetricRule) labels(l labels) labels {
	if m.method {
		l.method = ""
	}
	if m.route {
		l.route = ""
	}
	if m.peerVersion && l.direction == Inbound {
		l.peerVersion = ""
	}
	return l
}

// sizes is what is left of those of a row of this protocol.
func (m *MetricRule) sizes(protocol string, in, out uint64) (left, right uint64) {
	noIn, noOut := m.requests, m.responses
	if protocol == signal.TCP {
		noIn, noOut = m.received, m.sent
	}
	if noIn {
		in = 0
	}
	if noOut {
		out = 0
	}
	return in, out
}

// Leave has RED rows do without what the rules say, by direction, from now on.
func (e *Emitter) Leave(rules [2]MetricRule) { e.red.leave(rules) }
