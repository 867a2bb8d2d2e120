package config

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Validate looks at all resources together, as they would be after a change, and
// at the world they would act on. Findings come in the order of the resources'
// keys. It changes nothing it is given.
func Validate(all []Object, w World) []mesh.Finding {
	w = w.with(all)
	v := validator{
		world: w, rules: make(map[mesh.ServiceName]Object), routes: make(map[mesh.ServiceName]Object),
		checks: make(map[mesh.ServiceName]Object), makers: make(map[mesh.ServiceName]Object),
		hedges: make(map[mesh.ServiceName]Object), attached: make(map[mesh.ServiceName]Object),
		passed: passed(all), all: all, delegates: delegatesOf(all), heard: KnownServices(all, w),
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Object) int { return cmp.Compare(a.Key(), b.Key()) })
	for _, o := range sorted { // "DestinationRule" sorts first, so that routes find their subsets
		v.object = o
		switch {
		case o.DestinationRule != nil:
			v.destinationRule(o.DestinationRule)
		case o.SLO != nil:
			v.slo(*o.SLO)
		case o.HealthCheck != nil:
			v.healthCheck(o.HealthCheck)
		case o.Hedge != nil:
			v.hedge(o.Hedge)
		case o.VirtualService != nil:
			v.virtualService(o.VirtualService)
		case o.GatewayRoute != nil:
			v.gatewayRoute(o.GatewayRoute)
		case o.Service != nil:
			v.coreService(o.Service)
		case o.ServiceEntry != nil:
			v.serviceEntry(o.ServiceEntry)
		case o.WorkloadEntry != nil:
			v.workloadEntry()
		default:
			v.workloads(o)
		}
	}
	v.mutualTLS()
	return Locate(v.findings, all)
}

// workloads looks at a resource that selects those it is for.
func (v *validator) workloads(o Object) {
	switch {
	case o.AuthorizationPolicy != nil:
		v.authorizationPolicy(o.AuthorizationPolicy)
	case o.RateLimit != nil:
		v.rateLimit(o.RateLimit)
	case o.Telemetry != nil:
		v.telemetry(o.Telemetry)
	case o.TraceSampling != nil:
		v.traceSampling(o.TraceSampling)
	case o.RequestAuthentication != nil:
		v.requestAuthentication(o.RequestAuthentication)
	case o.PeerAuthentication != nil:
		v.peerAuthentication(o.PeerAuthentication)
	case o.Sidecar != nil:
		v.sidecar(o.Sidecar)
	}
}

// validator holds the resources seen so far against each other.
type validator struct {
	world     World
	rules     map[mesh.ServiceName]Object // DestinationRules by host
	routes    map[mesh.ServiceName]Object // VirtualServices by host
	checks    map[mesh.ServiceName]Object // HealthChecks by service
	hedges    map[mesh.ServiceName]Object // Hedges by service
	passed    map[mesh.ServiceName]string // see passed
	makers    map[mesh.ServiceName]Object // Services and ServiceEntries by the services they make
	attached  map[mesh.ServiceName]Object // HTTPRoutes and GRPCRoutes by parent, one of each
	all       []Object
	delegates delegateSet
	heard     map[mesh.ServiceName]bool // see KnownServices
	adaptive  []Object                  // RateLimits with inFlight.adaptive
	peers     []Object                  // PeerAuthentications
	sidecars  []Object                  // Sidecars
	object    Object                    // the one being looked at
	named     []mesh.ServiceName        // hosts of the VirtualService being looked at
	findings  []mesh.Finding
}

func (v *validator) fault(path, format string, args ...any) {
	v.find(CodeValue, path, format, args...)
}

func (v *validator) warn(path, format string, args ...any) {
	v.find(CodeNoEffect, path, format, args...)
}

// find notes a finding that has a code of its own.
func (v *validator) find(code Code, path, format string, args ...any) {
	v.findings = append(v.findings, code.On(v.object.Key(), path, format, args...))
}

// onlyOne notes that the object is the one for a service, of which there is one.
func (v *validator) onlyOne(of map[mesh.ServiceName]Object, service mesh.ServiceName) {
	if other, taken := of[service]; taken {
		v.find(CodeRuledTwice, "spec.service", "%q already has %s; keep one of them", service, other.Key())
		return
	}
	of[service] = v.object
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
	if by, onward := v.passed[s]; onward && v.object.ServiceEntry == nil {
		v.fault(path, "%s is of %s, with resolution NONE: its connections go on to where they were going, and nothing else can be said of them; want resolution DNS there", s, by)
		return "", false
	}
	return s, true
}

// known reports whether anything but routes has ever heard of the service.
func (v *validator) known(s mesh.ServiceName) bool {
	_, runs := v.world.Services[s]
	_, ruled := v.rules[s]
	return runs || ruled || v.world.Unknown
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
