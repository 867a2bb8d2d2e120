package compile

import (
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// sampling is what one resource says of it; nil and zero fields say nothing.
type sampling struct {
	percentage *float64
	rules      []mesh.SamplingRule
	keep       mesh.Sampling // KeepErrors and KeepSlower of it
}

func samplingOf(o config.Object) *sampling {
	out := &sampling{}
	for _, t := range o.Telemetry.GetTracing() {
		if p := t.GetRandomSamplingPercentage(); p != nil {
			share := p.GetValue()
			out.percentage = &share
		}
	}
	s := o.TraceSampling
	if s == nil {
		if out.percentage == nil {
			return nil // it is about something else
		}
		return out
	}
	out.keep.KeepErrors, out.keep.KeepSlower = s.KeepErrors, s.KeepSlower
	for _, r := range s.Rules {
		rule := mesh.SamplingRule{Host: strings.ToLower(r.Host), PathPrefix: r.PathPrefix, Method: r.Method, Percentage: *r.Percentage}
		for name, value := range r.Headers {
			if rule.Headers == nil {
				rule.Headers = map[string]string{}
			}
			rule.Headers[strings.ToLower(name)] = value
		}
		out.rules = append(out.rules, rule)
	}
	return out
}

// samplingFor puts together what is said for an instance, nil if nothing is. Of two
// shares the nearer holds, of two as near the one whose resource comes first by name.
// Rules of nearer ones come first; what any keeps is kept.
func (ps Policies) samplingFor(i mesh.Instance) *mesh.Sampling {
	near := ps.near(i, func(p *selected) bool { return p.sampling != nil })
	if len(near) == 0 {
		return nil
	}
	out, settled := &mesh.Sampling{Percentage: 100}, false
	for _, p := range near {
		s := p.sampling
		if s.percentage != nil && !settled {
			out.Percentage, settled = *s.percentage, true
		}
		out.Rules = append(out.Rules, s.rules...)
		out.KeepErrors = out.KeepErrors || s.keep.KeepErrors
		if slow := s.keep.KeepSlower; slow > 0 && (out.KeepSlower == 0 || slow < out.KeepSlower) {
			out.KeepSlower = slow
		}
	}
	return out
}
