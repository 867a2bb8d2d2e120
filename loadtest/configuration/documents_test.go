package configuration

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

// documents are resources of each kind that say much, all of them valid, and so in any
// company of each other.
var documents = slices.Concat(kinds, outside, told)

// kinds are one or two resources of each kind.
var kinds = []string{
	`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: cart}, spec: {host: cart, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {maxConnections: 10, connectTimeout: 1s}, http: {http1MaxPendingRequests: 5}}, outlierDetection: {consecutive5xxErrors: 5, interval: 1s}}, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x}}}}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: cart}, spec: {hosts: [cart], http: [{match: [{uri: {prefix: /a}, headers: {x-a: {exact: b}}, queryParams: {q: {regex: "a+"}}}], route: [{destination: {host: cart, subset: v2}}], rewrite: {uri: /b}, headers: {request: {set: {x-b: c}, remove: [x-c]}}, mirror: {host: cart, subset: v1}}, {match: [{uri: {prefix: /d}, headers: {x: {prefix: a}}}], delegate: {name: part}, timeout: 1s}, {match: [{uri: {regex: "/r.*"}}], redirect: {uri: /c, redirectCode: 302}}, {route: [{destination: {host: cart, subset: v1}, weight: 90}, {destination: {host: van}, weight: 10}], timeout: 2s, retries: {attempts: 2, perTryTimeout: 1s, retryOn: "5xx,reset,envoy-ratelimited,409", retryRemoteLocalities: true, retryIgnorePreviousHosts: false, backoff: 1s}, fault: {delay: {fixedDelay: 1s, percentage: {value: 1}}}}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: part}, spec: {http: [{match: [{uri: {exact: /d/e}, method: {exact: GET}}, {headers: {x: {exact: ab}}}], route: [{destination: {host: van}}], mirrors: [{destination: {host: cart}}]}, {directResponse: {status: 204}}]}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: van}, spec: {parentRefs: [{group: "", kind: Service, name: van, port: 80}], rules: [{name: one, matches: [{path: {type: PathPrefix, value: /a}, method: GET, headers: [{name: X-A, value: b}], queryParams: [{name: q, type: RegularExpression, value: "a+"}]}], filters: [{type: URLRewrite, urlRewrite: {hostname: b, path: {type: ReplacePrefixMatch, replacePrefixMatch: /c}}}, {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-b, value: c}], add: [{name: x-c, value: d}], remove: [x-d]}}, {type: RequestMirror, requestMirror: {backendRef: {name: cart, port: 80}, fraction: {numerator: 1, denominator: 3}}}], backendRefs: [{name: van, port: 80, weight: 3}, {name: nobody, port: 80}, {kind: Bucket, name: b, weight: 0}], timeouts: {request: 2s, backendRequest: 1s}, retry: {codes: [503], attempts: 2, backoff: 10ms}}, {filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: a.b, path: {type: ReplaceFullPath, replaceFullPath: /x}, port: 8443, statusCode: 301}}]}]}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: own, namespace: depot}, spec: {parentRefs: [{group: "", kind: Service, name: van, namespace: default}], rules: [{matches: [{path: {type: Exact, value: /a}}, {path: {type: RegularExpression, value: "/[ab]"}}], backendRefs: [{name: van, namespace: default, port: 80, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: x-e, value: f}]}}]}]}, {filters: [{type: CORS, cors: {allowOrigins: ["https://*.a.b"], allowMethods: [PUT], allowHeaders: [x-f], exposeHeaders: [x-g], maxAge: 60}}], backendRefs: [{name: van, namespace: default, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: c, path: {type: ReplacePrefixMatch, replacePrefixMatch: /d}}}]}]}]}}`,
	`{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: calls}, spec: {parentRefs: [{group: "", kind: Service, name: calls}], rules: [{matches: [{method: {service: shop.Cart, method: Get}, headers: [{name: x-a, value: b}]}, {method: {type: RegularExpression, service: "shop\\..*"}}], backendRefs: [{name: cart, port: 80}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: ledger}, spec: {hosts: [ledger], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], endpoints: [{address: 10.0.0.7, labels: {version: v1}}, {address: "::1", ports: {http: 8081}, locality: a/b}]}}`,
	`{apiVersion: v1, kind: Service, metadata: {name: clerk}, spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080, appProtocol: http}, {name: db, port: 5432}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: vm}, spec: {address: 10.0.0.9, ports: {http: 8080}, labels: {app: cart, version: v1}, locality: a/b, serviceAccount: clerk}}`,
	`{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p}, spec: {selector: {matchLabels: {app: cart}}, action: DENY, rules: [{from: [{source: {namespaces: [depot], notRemoteIpBlocks: [10.0.0.0/8]}}], to: [{operation: {methods: [GET], paths: [/a/*]}}], when: [{key: "request.headers[x]", values: [a]}, {key: remote.ip, notValues: ["::1"]}]}]}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: q}, spec: {mtls: {mode: PERMISSIVE}}}`,
	`{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: t}, spec: {jwtRules: [{issuer: a, jwksUri: "https://a/keys", fromHeaders: [{name: x, prefix: "p "}]}]}}`,
	`{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t}, spec: {tracing: [{randomSamplingPercentage: 10, providers: [{name: sightline}], customTags: {a: {literal: {value: b}}, c: {header: {name: x-d, defaultValue: e}}}}], accessLogging: [{match: {mode: CLIENT}, filter: {expression: "response.code >= 400"}}, {match: {mode: SERVER}, disabled: true}]}}`,
	`{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: u, namespace: depot}, spec: {tracing: [{match: {mode: SERVER}, disableSpanReporting: true}, {match: {mode: CLIENT}, customTags: {a: {literal: {value: b}}}}], metrics: [{providers: [{name: prometheus}], overrides: [{tagOverrides: {route: {operation: REMOVE}}}, {match: {metric: REQUEST_SIZE, mode: SERVER}, disabled: true}]}]}}`,
	`{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s}, spec: {egress: [{hosts: ["./*", "depot/*"]}]}}`,
	`{apiVersion: openslo/v1, kind: SLO, metadata: {name: s}, spec: {service: cart, timeWindow: [{duration: 30d, isRolling: true}], budgetingMethod: Occurrences, objectives: [{target: 0.99}], indicator: {metadata: {name: i}, spec: {ratioMetric: {good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(a[{{.window}}]))'}}}, total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(b[{{.window}}]))'}}}}}}}}`,
	`{apiVersion: sightline.dev/v1alpha1, kind: HealthCheck, metadata: {name: cart}, spec: {service: cart, http: {path: /healthz}, interval: 5s}}`,
	`{apiVersion: sightline.dev/v1alpha1, kind: Hedge, metadata: {name: cart}, spec: {service: cart, percentile: 95, max: 200ms}}`,
	`{apiVersion: sightline.dev/v1alpha1, kind: RateLimit, metadata: {name: r}, spec: {rules: [{requests: 10, unit: second, per: workload}], inFlight: {requests: 100}}}`,
	`{apiVersion: sightline.dev/v1alpha1, kind: TraceSampling, metadata: {name: t}, spec: {rules: [{pathPrefix: /a, percentage: 5}], keep: {errors: true, slowerThan: 1s}}}`,
}

func tree(t testing.TB, document string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal([]byte(document), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func manifest(t testing.TB, tree any) []byte {
	t.Helper()
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// strange is a value that fits some fields and not others, the caller's own.
func strange(r *rand.Rand) any {
	odd := []any{
		nil, true, -1, 0, 1, 70000, 1e9, 0.5, "", "a", "A b", "*", "/", "//x", "/a/../b", "10s", "-1s", "0s", "99999h", "1.5s", "cart", "v1",
		"a.b.c.d", "Exact", "RegularExpression", "(", "[a-z]+", "GET", "Service", "\x00", "é",
		[]any{},
		map[string]any{},
		[]any{"a"},
		map[string]any{"a": "b"},
	}
	return odd[r.IntN(len(odd))]
}

// mutate changes one thing somewhere in a tree: a value, a name, what is there or how often.
func mutate(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v)) // the same changes in every run
		if len(keys) == 0 {
			return strange(r)
		}
		k := keys[r.IntN(len(keys))]
		switch r.IntN(8) {
		case 0:
			delete(v, k)
		case 1:
			v[k+"s"] = v[k]
			delete(v, k)
		case 2:
			v[k] = strange(r)
		default:
			v[k] = mutate(r, v[k])
		}
		return v
	case []any:
		if len(v) == 0 {
			return strange(r)
		}
		i := r.IntN(len(v))
		switch r.IntN(6) {
		case 0:
			return append(v, again(v[i]))
		case 1:
			return append(v[:i:i], v[i+1:]...)
		default:
			v[i] = mutate(r, v[i])
		}
		return v
	}
	return strange(r)
}

// again is a copy of a tree, so that no change is made in two places.
func again(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[k] = again(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = again(inner)
		}
		return out
	}
	return v
}
