package config

import (
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) slo(s mesh.SLO) {
	if _, runs := v.world.Services[s.Service]; !runs && !v.world.Unknown {
		v.find(CodeHost, "spec.service", "%s", v.world.absent(s.Service, ""))
	}
	if s.Objective <= 0 || s.Objective >= 1 {
		v.fault("spec.objectives[0].target", "%v is not a share between 0 and 1, such as 0.99", s.Objective)
	}
	const ratio = "spec.indicator.spec.ratioMetric"
	switch {
	case s.Good == "" && s.Bad == "":
		v.fault(ratio, "has neither good nor bad events; want a query for one of them")
	case s.Good != "" && s.Bad != "":
		v.fault(ratio, "has both good and bad events; keep one")
	}
	v.queries(s, ratio)
}

func (v *validator) queries(s mesh.SLO, ratio string) {
	queries := []struct{ name, text string }{{"good", s.Good}, {"bad", s.Bad}, {"total", s.Total}}
	for _, q := range queries {
		path := ratio + "." + q.name + ".metricSource.spec.query"
		switch {
		case q.text == "" && q.name == "total":
			v.fault(path, "is missing; want the query that counts all events")
		case q.text != "" && !strings.Contains(q.text, Window):
			v.fault(path, "%q has no range; write [%s] where the range goes", q.text, Window)
		}
	}
}
