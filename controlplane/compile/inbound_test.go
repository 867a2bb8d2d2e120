package compile_test

import (
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const policies = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: mesh-wide, namespace: sightline}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everywhere-v2, namespace: sightline}
spec:
  selector: {matchLabels: {version: v2}}
  action: AUDIT
  rules: [{}]
---
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: depot-wide, namespace: depot, annotations: {istio.io/dry-run: "true"}}
spec:
  action: DENY
  rules:
  - from:
    - source: {serviceAccounts: [van, other/van], notServiceAccounts: [x], principals: null, ipBlocks: [10.0.0.0/8], notIpBlocks: [10.1.0.0/16], requestPrincipals: ["*"], notRequestPrincipals: [i/s]}
    - source: {principals: [cluster.local/ns/a/sa/b], notPrincipals: [p], namespaces: [n], notNamespaces: [m], trustDomains: [t], notTrustDomains: [u], remoteIpBlocks: [192.0.2.0/24], notRemoteIpBlocks: [192.0.2.1]}
    to:
    - operation: {hosts: [h], notHosts: [i], ports: ["80"], notPorts: ["81"], methods: [GET], notMethods: [PUT], paths: [/a], notPaths: ["/b/{*}"]}
    when:
    - {key: source.serviceAccount, values: [van], notValues: [a/b]}
    - {key: "request.headers[x]", notValues: ["*"]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: parcels-only, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels, version: v1}}
  rules: [{}]
`

func TestRateRules(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, `
apiVersion: sightline.dev/v1alpha1
kind: RateLimit
metadata: {name: a, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels}}
  rules:
  - from: [{source: {serviceAccounts: [van]}}]
    to: [{operation: {paths: [/a]}}]
    when: [{key: "request.headers[x]", values: [y]}]
    requests: 10
    unit: minute
    burst: 20
    per: header
    header: X-User
  - {requests: 5, per: caller}
  inFlight: {requests: 100, perCaller: 10, connectionsPerCaller: 50, adaptive: {percentile: 90, minRTT: {jitter: 10}}}
`))
	want := mesh.Inbound{
		Rates: []mesh.RateRule{
			{
				Name: "depot/a rule 0", Requests: 10, Unit: time.Minute, Burst: 20, PerHeader: "x-user",
				Match: mesh.AuthorizationRule{
					From: []mesh.Source{{ServiceAccounts: []string{"depot/van"}}}, To: []mesh.Operation{{Paths: []string{"/a"}}},
					When: []mesh.Condition{{Key: "request.headers[x]", Values: []string{"y"}}},
				},
			},
			{Name: "depot/a rule 1", Requests: 5, Unit: time.Second, PerCaller: true},
		},
		InFlight: []mesh.InFlight{{Name: "depot/a", Requests: 100, PerCaller: 10, Connections: 50, Adaptive: &mesh.Adaptive{
			Percentile: 0.9, MaxRequests: 1000, Interval: 100 * time.Millisecond,
			MinRTT: mesh.MinRTT{Interval: time.Minute, Requests: 50, Concurrency: 3, Jitter: 0.1, Buffer: 0.25},
		}}},
	}
	if d := diff(want, ps.For(mesh.Instance{Service: "parcels.depot", Labels: map[string]string{"app": "parcels"}})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestTokenRules(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: a, namespace: depot}
spec:
  selector: {matchLabels: {app: parcels}}
  jwtRules:
  - issuer: https://a
    audiences: [x]
    jwks: '{"keys":[]}'
    fromHeaders: [{name: X-Jwt, prefix: "Token "}]
    fromParams: [p]
    fromCookies: [c]
    forwardOriginalToken: true
    outputPayloadToHeader: X-Payload
    outputClaimToHeaders: [{header: X-Group, claim: a.b}]
    spaceDelimitedClaims: [roles]
  - {issuer: https://b, jwksUri: https://b/keys}
`))
	want := mesh.Inbound{Tokens: []mesh.TokenRule{
		{
			Issuer: "https://a", Audiences: []string{"x"}, JWKS: `{"keys":[]}`,
			FromHeaders: []mesh.TokenHeader{{Name: "x-jwt", Prefix: "Token "}}, FromParams: []string{"p"}, FromCookies: []string{"c"},
			Forward: true, PayloadHeader: "x-payload", ClaimHeaders: []mesh.ClaimHeader{{Header: "x-group", Claim: "a.b"}},
			SpaceDelimited: []string{"roles"},
		},
		{Issuer: "https://b", JWKSURI: "https://b/keys"},
	}}
	if d := diff(want, ps.For(mesh.Instance{Service: "parcels.depot", Labels: map[string]string{"app": "parcels"}})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := diff(mesh.Inbound{}, ps.For(mesh.Instance{Service: "parcels.depot"})); d != "" {
		t.Errorf("of another workload (-want +got):\n%s", d)
	}
}

func TestInboundPolicies(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, policies))
	meshWide := mesh.Authorization{Name: "sightline/mesh-wide", Action: mesh.Allow}
	v2 := mesh.Authorization{Name: "sightline/everywhere-v2", Action: mesh.Audit, Rules: []mesh.AuthorizationRule{{}}}
	only := mesh.Authorization{Name: "depot/parcels-only", Action: mesh.Allow, Rules: []mesh.AuthorizationRule{{}}}
	s := func(v ...string) []string { return v }
	depot := mesh.Authorization{Name: "depot/depot-wide", Action: mesh.Deny, DryRun: true, Rules: []mesh.AuthorizationRule{{
		From: []mesh.Source{
			{
				ServiceAccounts: s("depot/van", "other/van"), NotServiceAccounts: s("depot/x"),
				IPBlocks: s("10.0.0.0/8"), NotIPBlocks: s("10.1.0.0/16"), RequestPrincipals: s("*"), NotRequestPrincipals: s("i/s"),
			},
			{
				Principals: s("cluster.local/ns/a/sa/b"), NotPrincipals: s("p"), Namespaces: s("n"), NotNamespaces: s("m"),
				TrustDomains: s("t"), NotTrustDomains: s("u"), RemoteIPBlocks: s("192.0.2.0/24"), NotRemoteIPBlocks: s("192.0.2.1"),
			},
		},
		To: []mesh.Operation{{
			Hosts: s("h"), NotHosts: s("i"), Ports: s("80"), NotPorts: s("81"),
			Methods: s("GET"), NotMethods: s("PUT"), Paths: s("/a"), NotPaths: s("/b/{*}"),
		}},
		When: []mesh.Condition{
			{Key: "source.serviceAccount", Values: s("depot/van"), NotValues: s("a/b")},
			{Key: "request.headers[x]", NotValues: s("*")},
		},
	}}}
	for _, tt := range []struct {
		service mesh.ServiceName
		labels  map[string]string
		want    []mesh.Authorization
	}{
		{"parcels.depot", map[string]string{"app": "parcels", "version": "v1"}, []mesh.Authorization{depot, only, meshWide}},
		{"parcels.depot", map[string]string{"app": "parcels", "version": "v2"}, []mesh.Authorization{depot, v2, meshWide}},
		{"parcels", map[string]string{"app": "parcels", "version": "v1"}, []mesh.Authorization{meshWide}},
		{"parcels", nil, []mesh.Authorization{meshWide}},
	} {
		got := ps.For(mesh.Instance{Service: tt.service, Labels: tt.labels})
		if d := diff(mesh.Inbound{Authorization: tt.want}, got); d != "" {
			t.Errorf("%s %v (-want +got):\n%s", tt.service, tt.labels, d)
		}
	}
	if !ps.Equal(compile.InboundPolicies(objects(t, policies))) || ps.Equal(compile.Policies{}) {
		t.Error("equality of policies")
	}
}

const samplingManifest = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: sightline}
spec: {tracing: [{randomSamplingPercentage: 1}]}
---
apiVersion: telemetry.istio.io/v1alpha1
kind: Telemetry
metadata: {name: namespace, namespace: depot}
spec: {tracing: [{randomSamplingPercentage: 10}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: workload, namespace: depot}
spec: {selector: {matchLabels: {app: parcels}}, tracing: [{randomSamplingPercentage: 0}]}
---
apiVersion: sightline.dev/v1alpha1
kind: TraceSampling
metadata: {name: all, namespace: sightline}
spec: {rules: [{pathPrefix: /healthz, percentage: 0}], keep: {errors: true, slowerThan: 2s}}
---
apiVersion: sightline.dev/v1alpha1
kind: TraceSampling
metadata: {name: own, namespace: depot}
spec: {selector: {matchLabels: {app: parcels}}, rules: [{host: Vans, method: POST, headers: {X-Debug: "1"}, percentage: 100}], keep: {slowerThan: 1s}}
`

func TestSamplingOfTheNearestHolds(t *testing.T) {
	ps := compile.InboundPolicies(objects(t, samplingManifest))
	health := mesh.SamplingRule{PathPrefix: "/healthz"}
	own := mesh.SamplingRule{Host: "vans", Method: "POST", Headers: map[string]string{"x-debug": "1"}, Percentage: 100}
	for name, tt := range map[string]struct {
		instance mesh.Instance
		want     *mesh.Sampling
	}{
		"elsewhere": {
			mesh.Instance{Service: "web"},
			&mesh.Sampling{Percentage: 1, Rules: []mesh.SamplingRule{health}, KeepErrors: true, KeepSlower: 2 * time.Second},
		},
		"in the namespace": {
			mesh.Instance{Service: "vans.depot"},
			&mesh.Sampling{Percentage: 10, Rules: []mesh.SamplingRule{health}, KeepErrors: true, KeepSlower: 2 * time.Second},
		},
		"the workload": {
			mesh.Instance{Service: "parcels.depot", Labels: map[string]string{"app": "parcels"}},
			&mesh.Sampling{Percentage: 0, Rules: []mesh.SamplingRule{own, health}, KeepErrors: true, KeepSlower: time.Second},
		},
	} {
		if d := diff(tt.want, ps.For(tt.instance).Sampling); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	if got := compile.InboundPolicies(nil).For(mesh.Instance{Service: "web"}).Sampling; got != nil {
		t.Errorf("without a word %+v, want every trace", got)
	}
}

// TestPathsOfTheMesh: everybody gets them, and they are a change like any other.
func TestPathsOfTheMesh(t *testing.T) {
	was := compile.InboundPolicies(nil)
	if !was.Equal(was.With("")) {
		t.Error("what is not said is a change")
	}
	now := was.With(mesh.PathMergeSlashes)
	if was.Equal(now) || now.Equal(was.With(mesh.PathNone)) {
		t.Error("a change is not seen")
	}
	for _, i := range []mesh.Instance{{Service: "web"}, {Service: "pay.shop", Labels: map[string]string{"app": "pay"}}} {
		if in := now.For(i); in.PathNormalization != mesh.PathMergeSlashes {
			t.Errorf("%s gets %q", i.Service, in.PathNormalization)
		}
	}
}
