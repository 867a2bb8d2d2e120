package config

import (
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) rateLimit(l *RateLimit) {
	v.selects()
	if len(l.Rules) == 0 && l.InFlight == nil {
		v.fault("spec", "has neither rules nor inFlight, so it limits nothing; want one of them")
	}
	v.inFlight(l.InFlight)
	for i, r := range l.Rules {
		at := fmt.Sprintf("spec.rules[%d]", i)
		v.rule(r.Match, at)
		if r.Requests == 0 {
			v.fault(at+".requests", "is missing; want how many there may be in a unit, which is a second if none is given")
		}
		switch {
		case r.Per == "header" && r.Header == "":
			v.fault(at+".header", "is missing; want the header whose values get a share each")
		case r.Per != "header" && r.Header != "":
			v.fault(at+".header", "means nothing without per: header")
		case r.Header != "":
			v.headerName(r.Header, at+".header")
		}
	}
}

func (v *validator) inFlight(f *InFlight) {
	switch {
	case f == nil:
	case *f == (InFlight{}):
		v.fault("spec.inFlight", "has none of requests, perCaller, connectionsPerCaller and adaptive: {}; want one of them")
	case f.Adaptive != nil:
		v.adaptiveBounds(f.Adaptive, "spec.inFlight.adaptive")
		v.oneAdaptive("spec.inFlight.adaptive")
	}
}

// oneAdaptive finds those that are for the same workloads: of two limits that follow
// the same latencies each would see what the other does, so a sidecar has one, the
// first by name. Where only some workload to come could be selected by both, that is no
// reason to refuse.
func (v *validator) oneAdaptive(path string) {
	for _, other := range v.adaptive {
		switch {
		case !v.object.meets(other):
		case v.object.within(other) || other.within(v.object):
			v.fault(path, "workloads that %s selects have the one of %s; keep one of them, or select other workloads", v.object.Key(), other.Key())
			return
		default:
			v.warn(path, "does not hold for a workload that %s selects too: that has the one of %s", other.Key(), other.Key())
		}
	}
	v.adaptive = append(v.adaptive, v.object)
}

// within reports whether all workloads that o selects are selected by other.
func (o Object) within(other Object) bool {
	return (other.Namespace == o.Namespace || mesh.IsRoot(other.Namespace)) && carries(o.Selector(), other.Selector())
}

// meets reports whether there can be a workload that both select.
func (o Object) meets(other Object) bool {
	if o.Namespace != other.Namespace && !mesh.IsRoot(o.Namespace) && !mesh.IsRoot(other.Namespace) {
		return false
	}
	labels := other.Selector()
	for k, want := range o.Selector() {
		if have, ok := labels[k]; ok && have != want {
			return false
		}
	}
	return true
}
