package config

import "fmt"

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
		v.adaptive(f.Adaptive, "spec.inFlight.adaptive")
	}
}
