package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	telemetry "istio.io/api/telemetry/v1alpha1"
)

func (v *validator) telemetry(t *telemetry.Telemetry) {
	v.selects()
	if len(t.GetTracing()) == 0 || t.GetTracing()[0].GetRandomSamplingPercentage() == nil {
		v.fault("spec.tracing", "has no randomSamplingPercentage, so it says nothing; want one")
	}
}

func (v *validator) traceSampling(s *TraceSampling) {
	v.selects()
	if len(s.Rules) == 0 && !s.KeepErrors && s.KeepSlower == 0 {
		v.fault("spec", "has neither rules nor keep, so it says nothing; want one of them")
	}
	if s.KeepSlower < 0 {
		v.fault("spec.keep.slowerThan", "%s is below 0", s.KeepSlower)
	}
	for i := range s.Rules {
		v.samplingRule(&s.Rules[i], fmt.Sprintf("spec.rules[%d]", i), i == len(s.Rules)-1)
	}
}

func (v *validator) samplingRule(r *TraceSamplingRule, at string, last bool) { //nolint:revive // where it stands
	if r.Percentage == nil {
		v.fault(at+".percentage", "is missing; want the share of traces, 0 to 100")
	}
	if r.PathPrefix != "" && !strings.HasPrefix(r.PathPrefix, "/") {
		v.fault(at+".pathPrefix", "%q fits no path; want it to begin with /", r.PathPrefix)
	}
	if r.Method != "" && !token(r.Method) {
		v.fault(at+".method", "%q is not a method; want one such as GET", r.Method)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		v.headerName(name, fmt.Sprintf("%s.headers[%q]", at, name))
	}
	if everything := r.Host+r.PathPrefix+r.Method == "" && len(r.Headers) == 0; everything && !last {
		v.warn(at, "fits every request, so the rules after it never do")
	}
}
