package config

import (
	"fmt"
	"strings"
	"time"

	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// The kinds of resources.
const (
	KindVirtualService  = "VirtualService"
	KindDestinationRule = "DestinationRule"
	KindSLO             = "SLO"
	KindHealthCheck     = "HealthCheck"
	KindHedge           = "Hedge"

	KindAuthorizationPolicy   = "AuthorizationPolicy"
	KindRequestAuthentication = "RequestAuthentication"
	KindPeerAuthentication    = "PeerAuthentication"
	KindSidecar               = "Sidecar"
	KindRateLimit             = "RateLimit"

	KindServiceEntry  = "ServiceEntry"
	KindWorkloadEntry = "WorkloadEntry"
	KindService       = "Service"

	KindHTTPRoute = "HTTPRoute"
	KindGRPCRoute = "GRPCRoute"

	KindTelemetry     = "Telemetry"
	KindTraceSampling = "TraceSampling"
)

// The severities of a mesh.Finding.
const (
	SeverityError   = "error"   // refuses the change
	SeverityWarning = "warning" // does not
	SeverityInfo    = "info"    // may well be meant
)

// Object is one resource. Exactly one of the specifications is set, as Kind
// says. An Object is read-only once parsed.
type Object struct {
	Kind      string
	Namespace string // never empty
	Name      string

	VirtualService  *networking.VirtualService
	DestinationRule *networking.DestinationRule
	SLO             *mesh.SLO
	HealthCheck     *HealthCheck
	Hedge           *Hedge

	AuthorizationPolicy   *security.AuthorizationPolicy
	RequestAuthentication *security.RequestAuthentication
	PeerAuthentication    *security.PeerAuthentication
	Sidecar               *networking.Sidecar
	RateLimit             *RateLimit

	Telemetry     *telemetry.Telemetry
	TraceSampling *TraceSampling

	ServiceEntry  *ServiceEntry
	WorkloadEntry *WorkloadEntry
	Service       *Service
	GatewayRoute  *GatewayRoute // of an HTTPRoute or a GRPCRoute

	labels, annotations map[string]string

	// ResourceVersion is the version that the stored resource must still have for this one
	// to take its place; "" is any. It is of one application, and not stored: see Unversioned.
	ResourceVersion string

	// Created orders resources by age: of two, the lower was there first. 0 is not known,
	// and younger than all others.
	Created int64
	// Changed is when it was stored as it is; zero is not known.
	Changed time.Time

	// Source is the YAML document the object was read from, comments included, and Line
	// where in the manifest it begins, from 1. Without a Line, findings have none either.
	Source []byte
	Line   int
}

// Key names the resource among all others: "VirtualService default/reviews".
func (o Object) Key() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

// Hosts are the services whose traffic the resource is about: the hosts of a
// VirtualService, the host of a DestinationRule, the service of an SLO, a HealthCheck or
// a Hedge. Hosts that name no service are left out; Validate reports them.
func (o Object) Hosts() []mesh.ServiceName {
	var names []string
	switch {
	case o.VirtualService != nil:
		names = o.VirtualService.GetHosts()
	case o.DestinationRule != nil:
		names = []string{o.DestinationRule.GetHost()}
	case o.SLO != nil:
		return []mesh.ServiceName{o.SLO.Service}
	case o.HealthCheck != nil:
		return []mesh.ServiceName{o.HealthCheck.Service}
	case o.Hedge != nil:
		return []mesh.ServiceName{o.Hedge.Service}
	case o.ServiceEntry != nil:
		return o.ServiceEntry.Services
	case o.Service != nil:
		return []mesh.ServiceName{o.Service.Name}
	case o.GatewayRoute != nil:
		var parents []mesh.ServiceName
		for _, p := range o.GatewayRoute.Parents {
			parents = append(parents, p.Service)
		}
		return parents
	}
	var out []mesh.ServiceName
	for _, n := range names {
		if s, err := o.host(n); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// host resolves a host as written in this resource.
func (o Object) host(h string) (mesh.ServiceName, error) {
	if strings.HasPrefix(h, "*") {
		return "", fmt.Errorf("host %q: wildcards are not supported: each service has instances, routes and policies of its own; want one whole name, and a resource for each", h)
	}
	return mesh.ResolveHost(h, o.Namespace)
}

// Error is a manifest that cannot be read: everything that is wrong with it.
type Error struct{ Findings []mesh.Finding }

// Error lists the findings, one on each line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = Line(f)
	}
	return strings.Join(lines, "\n")
}

// Line is a finding in one line: "VirtualService default/reviews: spec.hosts: …".
func Line(f mesh.Finding) string {
	s := f.Message
	if f.Path != "" {
		s = f.Path + ": " + s
	}
	if f.Resource != "" {
		s = f.Resource + ": " + s
	}
	return s
}

// Refused reports whether any of the findings is an error.
func Refused(findings []mesh.Finding) bool {
	for _, f := range findings {
		if f.Severity == SeverityError {
			return true
		}
	}
	return false
}
