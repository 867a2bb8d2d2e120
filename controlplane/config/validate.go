package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Validate looks at all resources together, as they would be after a change, and
// at the world they would act on. Findings come in the order of the resources'
// keys. It changes nothing it is given.
func Validate(all []Object, w World) []mesh.Finding {
	v := validator{world: w, rules: make(map[mesh.ServiceName]Object), routes: make(map[mesh.ServiceName]Object)}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Object) int { return cmp.Compare(a.Key(), b.Key()) })
	for _, o := range sorted { // "DestinationRule" sorts first, so that routes find their subsets
		v.object = o
		switch {
		case o.DestinationRule != nil:
			v.destinationRule(o.DestinationRule)
		case o.SLO != nil:
			v.slo(*o.SLO)
		case o.VirtualService != nil:
			v.virtualService(o.VirtualService)
		}
	}
	return v.findings
}

// validator holds the resources seen so far against each other.
type validator struct {
	world    World
	rules    map[mesh.ServiceName]Object // DestinationRules by host
	routes   map[mesh.ServiceName]Object // VirtualServices by host
	object   Object                      // the one being looked at
	findings []mesh.Finding
}

func (v *validator) fault(path, format string, args ...any) {
	v.findings = append(v.findings, finding(v.object.Key(), path, fmt.Sprintf(format, args...)))
}

func (v *validator) warn(path, format string, args ...any) {
	f := finding(v.object.Key(), path, fmt.Sprintf(format, args...))
	f.Severity = SeverityWarning
	v.findings = append(v.findings, f)
}

// service resolves a host; ok is false after it was reported.
func (v *validator) service(host, path string) (s mesh.ServiceName, ok bool) {
	if host == "" {
		v.fault(path, "is missing; want the name of a service")
		return "", false
	}
	s, err := v.object.host(host)
	if err != nil {
		v.fault(path, "%v", err)
		return "", false
	}
	return s, true
}

// known reports whether anything but routes has ever heard of the service.
func (v *validator) known(s mesh.ServiceName) bool {
	_, runs := v.world.Services[s]
	_, ruled := v.rules[s]
	return runs || ruled
}

// positive faults a duration that is set and not above 0, or not a duration at all.
func (v *validator) positive(d *durationpb.Duration, path string) {
	switch {
	case d == nil:
	case d.CheckValid() != nil || d.AsDuration() > 1000*time.Hour:
		v.fault(path, "%s is not a duration of at most 1000h", d)
	case d.AsDuration() <= 0:
		v.fault(path, "%s is not above 0; leave it out for the default", d.AsDuration())
	}
}

func (v *validator) destinationRule(d *networking.DestinationRule) {
	s, ok := v.service(d.GetHost(), "spec.host")
	if ok {
		if other, taken := v.rules[s]; taken {
			v.fault("spec.host", "%q already has %s; put everything about %s into one of them", d.GetHost(), other.Key(), s)
		} else {
			v.rules[s] = v.object
		}
		if _, runs := v.world.Services[s]; !runs {
			v.warn("spec.host", "no service %q has joined yet", s)
		}
	}
	v.policy(d.GetTrafficPolicy(), "spec.trafficPolicy")
	seen := map[string]bool{}
	for i, sub := range d.GetSubsets() {
		path := fmt.Sprintf("spec.subsets[%d]", i)
		switch {
		case sub.GetName() == "":
			v.fault(path+".name", "is missing; routes name subsets by it")
		case seen[sub.GetName()]:
			v.fault(path+".name", "%q is there twice", sub.GetName())
		}
		seen[sub.GetName()] = true
		if _, runs := v.world.Services[s]; runs && v.world.selected(s, sub.GetLabels()) == 0 {
			v.warn(path+".labels", "%s fits no running instance of %s (its versions are %s)",
				show(sub.GetLabels()), s, enumerate(v.world.versions(s)))
		}
		v.policy(sub.GetTrafficPolicy(), path+".trafficPolicy")
	}
}

func (v *validator) policy(p *networking.TrafficPolicy, path string) {
	pool, out := p.GetConnectionPool(), p.GetOutlierDetection()
	v.positive(pool.GetTcp().GetConnectTimeout(), path+".connectionPool.tcp.connectTimeout")
	limits := []struct {
		path string
		n    int32
	}{
		{"tcp.maxConnections", pool.GetTcp().GetMaxConnections()},
		{"http.http1MaxPendingRequests", pool.GetHttp().GetHttp1MaxPendingRequests()},
		{"http.http2MaxRequests", pool.GetHttp().GetHttp2MaxRequests()},
		{"http.maxRetries", pool.GetHttp().GetMaxRetries()},
	}
	for _, l := range limits {
		if l.n < 0 {
			v.fault(path+".connectionPool."+l.path, "%d is below 0; leave it out for no limit", l.n)
		}
	}
	if out == nil {
		return
	}
	at := path + ".outlierDetection."
	v.positive(out.GetInterval(), at+"interval")
	v.positive(out.GetBaseEjectionTime(), at+"baseEjectionTime")
	if n := out.GetMaxEjectionPercent(); n < 0 || n > 100 {
		v.fault(at+"maxEjectionPercent", "%d is not a percentage from 0 to 100", n)
	}
	if n := out.GetConsecutive_5XxErrors(); n != nil && n.GetValue() == 0 {
		v.fault(at+"consecutive5xxErrors", "0, to turn detection off, is not supported yet; want 1 or more")
	}
	if n := out.GetConsecutiveGatewayErrors(); n != nil {
		if n.GetValue() == 0 {
			v.fault(at+"consecutiveGatewayErrors", "0, to turn detection off, is not supported yet; want 1 or more")
		} else {
			v.warn(at+"consecutiveGatewayErrors", "%d: every 5xx counts, not only 502, 503 and 504", n.GetValue())
		}
	}
}
