package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// refused are the rules of a shape's fields that a kind does not act on, of those below
// each other the uppermost.
func refused(s shape, at place, supports func(string) bool) []string {
	switch {
	case strings.Count(at.rule, ".") > deepest:
		return nil
	case s.field == nil && s.elem == nil:
		return nil
	case s.field == nil:
		return refused(s.elem(), at, supports)
	}
	var out []string
	for _, name := range s.names() {
		inner, _ := s.field(name)
		if here := at.field(name); supports(here.rule) {
			out = append(out, refused(inner, here, supports)...)
		} else {
			out = append(out, here.rule)
		}
	}
	return out
}

// TestEveryRefusalHasItsReason: a field that is new in a type of Istio's or Gateway API's
// has to be thought about, and a reason for one that is acted on is a leftover.
func TestEveryRefusalHasItsReason(t *testing.T) {
	for _, l := range languages() {
		for _, k := range l.kinds {
			read := k.kind()
			all := refused(read.shape(), place{}, read.supports)
			if len(all) > 0 && read.refuses == nil {
				t.Errorf("%s refuses %v and gives no reasons", k.name, all)
				continue
			}
			for _, rule := range all {
				if why := read.refuses(rule); why == "" || strings.Contains(why, "yet") {
					t.Errorf("%s: %s is refused because %q", k.name, rule, why)
				}
			}
		}
	}
	known := map[string]bool{}
	for _, l := range languages() {
		for _, k := range l.kinds {
			read := k.kind()
			for _, rule := range refused(read.shape(), place{}, read.supports) {
				known[k.name+" "+rule] = true
				rule = strings.TrimPrefix(strings.TrimPrefix(rule, "subsets."), "trafficPolicy.")
				known[k.name+" "+strings.TrimPrefix(rule, "portLevelSettings.")] = true
			}
		}
	}
	for of, reasons := range map[string]reasons{
		"VirtualService": virtualServiceRefuses, "DestinationRule": destinationRules, "ServiceEntry": serviceEntryRefuses,
		"WorkloadEntry": workloadEntryRefuses, "Sidecar": sidecarRefuses, "AuthorizationPolicy": authorizationPolicyRefuses,
		"RequestAuthentication": requestAuthenticationRefuses, "Telemetry": telemetryRefuses, "HTTPRoute": gatewayRefuses,
		"Service": serviceRefuses, "SLO": sloRefusals,
	} {
		for _, rule := range slices.Sorted(maps.Keys(reasons)) {
			if !known[of+" "+rule] {
				t.Errorf("%s: there is a reason to refuse %s, which is not refused", of, rule)
			}
		}
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	const head = "apiVersion: %s\nkind: %s\nmetadata: {name: a}\nspec: {%s}\n"
	for _, tt := range []struct{ version, kind, spec, want string }{
		{
			"gateway.networking.k8s.io/v1", "HTTPRoute", `rules: [{sessionPersistence: {sessionName: s}}]`,
			`spec.rules[0].sessionPersistence: is not supported (value {"sessionName":"s"}): a session is kept by hashing: want a DestinationRule of the backend with loadBalancer.consistentHash.httpCookie`,
		},
		{
			"gateway.networking.k8s.io/v1", "GRPCRoute", `rules: [{sessionPersistence: {type: Header}}]`,
			`spec.rules[0].sessionPersistence: is not supported (value {"type":"Header"}): a session is kept by hashing`,
		},
		{"gateway.networking.k8s.io/v1", "HTTPRoute", `hostnames: [a.example]`, `spec.hostnames: is not supported (value ["a.example"]): a route of the mesh is for the callers of a Service`},
		{"gateway.networking.k8s.io/v1", "HTTPRoute", `rules: [{filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC}}]}]`, `externalAuth: is not supported (value {"protocol":"GRPC"}): the mesh asks no external authorizer`},
		{"gateway.networking.k8s.io/v1", "HTTPRoute", `rules: [{backendRefs: [{name: b, port: 1, filters: [{requestMirror: {}}]}]}]`, `requestMirror: is not supported (value {}): copies are made before a backend is chosen`},
		{"networking.istio.io/v1", "ServiceEntry", `hosts: ["*.example.com"], ports: [{number: 443, protocol: TLS}], resolution: DNS`, `spec.hosts[0]: "*.example.com" is not supported with resolution DNS: DNS cannot be asked for it`},
		{"networking.istio.io/v1", "ServiceEntry", `hosts: [a.example.com], ports: [{number: 443, protocol: TLS}], resolution: DYNAMIC_DNS`, `spec.resolution: "DYNAMIC_DNS" is not supported: it is for hosts with a wildcard, and DNS cannot be asked for it`},
		{"networking.istio.io/v1", "VirtualService", `hosts: ["*.shop"], http: [{route: [{destination: {host: a}}]}]`, ""},
		{"networking.istio.io/v1", "VirtualService", `hosts: [a], exportTo: [.], http: [{route: [{destination: {host: a}}]}]`, `spec.exportTo: ["."] is not supported: a rule holds for every caller of its host`},
		{"networking.istio.io/v1", "VirtualService", `hosts: [a], exportTo: ["*"], http: [{route: [{destination: {host: a}}]}]`, ""},
		{"networking.istio.io/v1", "VirtualService", `hosts: [a], gateways: [g], http: [{route: [{destination: {host: a}}]}]`, `spec.gateways: ["g"] is not supported: the mesh routes between services and has no gateways`},
		{"networking.istio.io/v1", "VirtualService", `hosts: [a], tcp: [{match: [{sourceSubnet: 10.0.0.0/8}], route: [{destination: {host: a}}]}]`, `sourceSubnet: is not supported (value "10.0.0.0/8"): the caller is always the app beside the sidecar`},
		{"networking.istio.io/v1", "DestinationRule", `host: a, subsets: [{name: b, trafficPolicy: {portLevelSettings: [{port: {number: 1}, outlierDetection: {consecutiveErrors: 5}}]}}]`, `consecutiveErrors: is not supported (value 5): Istio has replaced it; want consecutive5xxErrors`},
		{"networking.istio.io/v1", "WorkloadEntry", `address: 10.0.0.1, weight: 3`, `spec.weight: is not supported (value 3): instances share requests by how busy they are`},
		{"security.istio.io/v1", "AuthorizationPolicy", `targetRef: {kind: Service, name: a}`, `spec.targetRef: is not supported (value {"kind":"Service","name":"a"}): it is for the gateways and waypoints`},
		{"telemetry.istio.io/v1", "Telemetry", `metrics: [{overrides: [{tagOverrides: {host: {operation: UPSERT, value: request.host}}}]}]`, `tagOverrides["host"].operation: "UPSERT" is not supported: a label is a column of the store's rows`},
		{"telemetry.istio.io/v1", "Telemetry", `metrics: [{overrides: [{tagOverrides: {host: {value: request.host}}}]}]`, `tagOverrides["host"].value: is not supported (value "request.host"): a label is a column of the store's rows and rollups, one for all workloads`},
		{"v1", "Service", `externalName: a.b`, `spec.externalName: is not supported (value "a.b"): a Service names workloads of the mesh; want a ServiceEntry with resolution DNS`},
		{"openslo/v1", "SLO", `service: a, budgetingMethod: Timeslices`, `spec.budgetingMethod: "Timeslices" is not supported: budgets are counted in events`},
		{"openslo/v1", "SLO", `service: a, timeWindow: [{duration: 30d, calendar: {}}]`, `spec.timeWindow[0].calendar: is not supported (value {}): a budget is that of a rolling window`},
	} {
		_, err := Parse(fmt.Appendf(nil, head, tt.version, tt.kind, tt.spec))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s {%s}: %v", tt.kind, tt.spec, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s {%s}: %v\nwant %s", tt.kind, tt.spec, err, tt.want)
		}
	}
}
