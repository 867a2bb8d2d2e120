package config

import (
	"fmt"
	"slices"
	"strings"
)

// kind is one sort of resource.
type kind struct {
	shape    func() shape
	supports func(rule string) bool              // whether the mesh acts on a field
	refuses  func(rule string) string            // why it does not act on one; nil where it acts on all
	accepts  func(rule string, value any) string // "" or what is wrong with its value
	fill     func(*Object, map[string]any) error // after the checks
}

// language is a group of kinds under one API.
type language struct {
	group    string
	versions []string // the newest first
	kinds    []named
}

type named struct {
	name string
	kind func() kind
}

// languages are all kinds that the mesh reads. FIELDS.md is made from them.
func languages() []language {
	return []language{
		{"networking.istio.io", []string{"v1", "v1beta1", "v1alpha3"}, []named{
			{KindVirtualService, virtualServiceKind},
			{KindDestinationRule, destinationRuleKind},
			{KindServiceEntry, serviceEntryKind},
			{KindWorkloadEntry, workloadEntryKind},
			{KindSidecar, sidecarKind},
		}},
		{"security.istio.io", []string{"v1", "v1beta1"}, []named{
			{KindAuthorizationPolicy, authorizationPolicyKind},
			{KindRequestAuthentication, requestAuthenticationKind},
			{KindPeerAuthentication, peerAuthenticationKind},
		}},
		{"telemetry.istio.io", []string{"v1", "v1alpha1"}, []named{
			{KindTelemetry, telemetryKind},
		}},
		{gatewayGroup, []string{"v1", "v1beta1"}, []named{
			{KindHTTPRoute, httpRouteKind},
		}},
		{gatewayGroup, []string{"v1"}, []named{
			{KindGRPCRoute, grpcRouteKind},
		}},
		{"", []string{"v1"}, []named{
			{KindService, serviceKind},
		}},
		{"openslo", []string{"v1"}, []named{
			{KindSLO, sloKind},
		}},
		{"sightline.dev", []string{"v1alpha1"}, []named{
			{KindHealthCheck, healthCheckKind},
			{KindHedge, hedgeKind},
			{KindRateLimit, rateLimitKind},
			{KindTraceSampling, traceSamplingKind},
		}},
	}
}

// Kinds are the names of all kinds, in the order of FIELDS.md.
func Kinds() []string {
	var out []string
	for _, l := range languages() {
		for _, k := range l.kinds {
			out = append(out, k.name)
		}
	}
	return out
}

// newest is the API with its newest version, as a manifest names it.
func (l language) newest() string { return apiVersion(l.group, l.versions[0]) }

// apiVersion leaves out the group where it has no name, as Kubernetes' core.
func apiVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// without are kinds of the same languages that the mesh has nothing for, with the reason.
var without = map[string]string{
	"Gateway":       "the mesh routes between services and has no gateways; leave it out, and the routes for it",
	"GatewayClass":  "the mesh routes between services and has no gateways; leave it out",
	"EnvoyFilter":   "it patches Envoy, which no sidecar here is; leave it out",
	"WasmPlugin":    "sidecars run no code of others; leave it out",
	"WorkloadGroup": "workloads join with a token and say themselves what they are; leave it out",
	"ProxyConfig":   "it sets up Envoy, which no sidecar here is; leave it out",
}

func lookup(version, name string) (kind, error) {
	var wants []string
	for _, l := range languages() {
		spoken := slices.ContainsFunc(l.versions, func(v string) bool { return apiVersion(l.group, v) == version })
		var names []string
		for _, k := range l.kinds {
			if spoken && k.name == name {
				return k.kind(), nil
			}
			names = append(names, k.name)
		}
		wants = append(wants, strings.Join(names, ", ")+" of "+l.newest())
	}
	if why := without[name]; why != "" {
		return kind{}, fmt.Errorf("apiVersion %q with kind %q is not supported: %s", version, name, why)
	}
	return kind{}, fmt.Errorf("apiVersion %q with kind %q is not supported; want %s", version, name, strings.Join(wants, "; "))
}
