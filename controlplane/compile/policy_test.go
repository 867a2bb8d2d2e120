package compile_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestPolicies compiles a DestinationRule's traffic policy, and what else makes a policy.
func TestPolicies(t *testing.T) {
	tests := []struct {
		name, policy, more string
		want               mesh.Policy
	}{
		{"nothing", `{}`, "", mesh.Policy{}},
		{
			"outlier detection's defaults", `{outlierDetection: {}}`, "",
			mesh.Policy{Outlier: &mesh.Outlier{ConsecutiveErrors: 5}},
		},
		{
			"errors off", `{outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 3}}`, "",
			mesh.Policy{Outlier: &mesh.Outlier{ConsecutiveGateway: 3}},
		},
		{
			"split", `{outlierDetection: {splitExternalLocalOriginErrors: true, minHealthPercent: 30, outlierDetectionHttpErrorCodes: [429, 503]}}`, "",
			mesh.Policy{Outlier: &mesh.Outlier{ConsecutiveErrors: 5, ConsecutiveLocal: 5, Split: true, MinHealthPercent: 30, ErrorCodes: []int{429, 503}}},
		},
		{
			"a header", `{loadBalancer: {consistentHash: {httpHeaderName: X-User}}}`, "",
			mesh.Policy{LoadBalancer: mesh.RingHash, Hash: &mesh.Hash{Header: "x-user"}},
		},
		{
			"a parameter on a ring", `{loadBalancer: {consistentHash: {httpQueryParameterName: User, ringHash: {minimumRingSize: 4096}}}}`, "",
			mesh.Policy{LoadBalancer: mesh.RingHash, Hash: &mesh.Hash{Query: "User", Size: 4096}},
		},
		{
			"the old ring size", `{loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 2048}}}`, "",
			mesh.Policy{LoadBalancer: mesh.RingHash, Hash: &mesh.Hash{SourceIP: true, Size: 2048}},
		},
		{
			"a cookie in Maglev's table", `{loadBalancer: {consistentHash: {maglev: {tableSize: 251}, httpCookie: {name: user, ttl: 0s, path: /, attributes: [{name: Secure}]}}}}`, "",
			mesh.Policy{LoadBalancer: mesh.Maglev, Hash: &mesh.Hash{Size: 251, Cookie: &mesh.HashCookie{
				Name: "user", Set: true, Path: "/", Attributes: []mesh.CookieAttribute{{Name: "Secure"}},
			}}},
		},
		{
			"the old warm-up", `{loadBalancer: {simple: RANDOM, warmupDurationSecs: 60s}}`, "",
			mesh.Policy{LoadBalancer: mesh.Random, Warmup: &mesh.Warmup{Duration: time.Minute, MinPercent: 10, Aggression: 1}},
		},
		{
			"what says how it is anyway", `{connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE, useClientProtocol: true}}}`, "", mesh.Policy{},
		},
		{
			"warm-up's defaults", `{loadBalancer: {simple: RANDOM, warmup: {duration: 60s}}}`, "",
			mesh.Policy{LoadBalancer: mesh.Random, Warmup: &mesh.Warmup{Duration: time.Minute, MinPercent: 10, Aggression: 1}},
		},
		{
			"locality", `{loadBalancer: {localityLbSetting: {enabled: false, failover: [{from: eu, to: us}]}}}`, "",
			mesh.Policy{Locality: &mesh.LocalityLB{Off: true, Failover: map[string]string{"eu": "us"}}},
		},
		{
			"distribution", `{loadBalancer: {localityLbSetting: {distribute: [{from: eu/a/*, to: {eu/a/*: 70, eu/b/*: 30}}]}}}`, "",
			mesh.Policy{Locality: &mesh.LocalityLB{Distribute: []mesh.Distribute{{From: "eu/a/*", To: map[string]uint32{"eu/a/*": 70, "eu/b/*": 30}}}}},
		},
		{
			"connections", `{connectionPool: {tcp: {maxConnectionDuration: 1h, idleTimeout: 5m, tcpKeepalive: {probes: 3, time: 60s}}, http: {maxRequestsPerConnection: 7, maxConcurrentStreams: 8, idleTimeout: 9s}}}`, "",
			mesh.Policy{Limits: mesh.Limits{
				RequestsPerConnection: 7, Streams: 8, IdleTimeout: 9 * time.Second, StreamIdle: 5 * time.Minute,
				ConnectionAge: time.Hour, Keepalive: &mesh.Keepalive{Probes: 3, Time: time.Minute},
			}},
		},
		{
			"retry budget", `{retryBudget: {budgetInterval: 10s}}`, "",
			mesh.Policy{RetryBudget: &mesh.RetryBudget{Percent: 20, MinRetries: 3, Interval: 10 * time.Second}},
		},
		{
			"health check", `{loadBalancer: {simple: RANDOM}}`, `{service: parcels, http: {path: /healthz}}`,
			mesh.Policy{LoadBalancer: mesh.Random, HealthCheck: &mesh.HealthCheck{
				HTTP:     &mesh.HTTPCheck{Path: "/healthz", Host: "parcels", Statuses: []mesh.StatusRange{{From: 200, To: 299}}},
				Interval: 10 * time.Second, Timeout: time.Second, NoTrafficInterval: time.Minute, Healthy: 1, Unhealthy: 2,
			}},
		},
		{
			"health check of gRPC", `{}`, `{service: parcels, grpc: {service: post.Parcels}, interval: 2s, timeout: 500ms, noTrafficInterval: 3s, healthyThreshold: 4, unhealthyThreshold: 5}`,
			mesh.Policy{HealthCheck: &mesh.HealthCheck{
				GRPC:     &mesh.GRPCCheck{Service: "post.Parcels"},
				Interval: 2 * time.Second, Timeout: 500 * time.Millisecond, NoTrafficInterval: 3 * time.Second, Healthy: 4, Unhealthy: 5,
			}},
		},
		{
			"health check of statuses", `{}`, `{service: parcels, http: {path: /, host: x.example, expectedStatuses: ["204", "300-399"]}}`,
			mesh.Policy{HealthCheck: &mesh.HealthCheck{
				HTTP:     &mesh.HTTPCheck{Path: "/", Host: "x.example", Statuses: []mesh.StatusRange{{From: 204, To: 204}, {From: 300, To: 399}}},
				Interval: 10 * time.Second, Timeout: time.Second, NoTrafficInterval: time.Minute, Healthy: 1, Unhealthy: 2,
			}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			manifest := "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: p}\nspec: {host: parcels, trafficPolicy: " + tt.policy + "}\n"
			if tt.more != "" {
				manifest += "---\napiVersion: sightline.dev/v1alpha1\nkind: HealthCheck\nmetadata: {name: p}\nspec: " + tt.more + "\n"
			}
			got := compile.Snapshots(objects(t, manifest), nil, nil, 1)["parcels"].Policy
			if d := diff(tt.want, got); d != "" {
				t.Errorf("policy (-want +got):\n%s", d)
			}
		})
	}
}

// TestTLSToAHostOutside: what of the corpus asks for TLS gets it, at the port that it names.
func TestTLSToAHostOutside(t *testing.T) {
	raw, err := os.ReadFile("testdata/corpus/networking_egress-rule-google-apis.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rule := strings.Replace(string(raw), "mode: SIMPLE", "mode: SIMPLE, sni: a.example.com, subjectAltNames: [b], caCertificates: /c, insecureSkipVerify: true", 1)
	for manifest, want := range map[string]*mesh.ClientTLS{
		string(raw): {}, rule: {ServerName: "a.example.com", Names: []string{"b"}, Authorities: "/c", Unverified: true},
		strings.Replace(string(raw), "mode: SIMPLE", "mode: SIMPLE, caCertificates: system", 1): {},
	} {
		s := compile.Snapshots(objects(t, manifest), nil, nil, 1)["api.example.com"]
		if len(s.PortPolicies) != 1 || s.PortPolicies[0].Port != 443 || s.PortPolicies[0].Policy.MTLS != mesh.Simple || s.Policy.MTLS != "" {
			t.Fatalf("policies %+v, %+v", s.Policy, s.PortPolicies)
		}
		if diff := cmp.Diff(want, s.PortPolicies[0].Policy.TLS); diff != "" {
			t.Error(diff)
		}
		if len(s.Routes) != 1 || s.Routes[0].Matches[0].Port != 80 || s.Routes[0].Destinations[0].Port != 443 {
			t.Errorf("routes %+v", s.Routes)
		}
	}
}
