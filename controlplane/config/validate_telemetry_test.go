package config_test

import (
	"testing"
)

func TestValidateSampling(t *testing.T) {
	const istio, own = "telemetry.istio.io/v1\nkind: Telemetry", "sightline.dev/v1alpha1\nkind: TraceSampling"
	for _, tt := range []struct{ kind, spec, want string }{
		{istio, `tracing: [{randomSamplingPercentage: 0}]`, ""},
		{istio, `selector: {matchLabels: {version: v1}}, tracing: [{randomSamplingPercentage: 12.5}]`, ""},
		{istio, `selector: {matchLabels: {version: v1}}`, "error spec.tracing: is missing, so nothing is said"},
		{istio, `tracing: [{}]`, "error spec.tracing[0]: says nothing; want randomSamplingPercentage, disableSpanReporting or customTags"},
		{istio, `tracing: [{providers: [{name: sightline}], customTags: {team: {literal: {value: shop}}, user: {header: {name: X-User, defaultValue: nobody}}}}]`, ""},
		{istio, `tracing: [{match: {mode: CLIENT}, disableSpanReporting: true}, {match: {mode: SERVER}, customTags: {a: {literal: {value: b}}}}]`, ""},
		{istio, `tracing: [{match: {mode: CLIENT}, disableSpanReporting: true}, {disableSpanReporting: false}]`, "error spec.tracing[1]: is about the same requests as spec.tracing[0]"},
		{istio, `tracing: [{match: {mode: SERVER}, randomSamplingPercentage: 5}]`, "error spec.tracing[0].randomSamplingPercentage: holds either way"},
		{istio, `tracing: [{customTags: {a: {}}}]`, `error spec.tracing[0].customTags["a"]: has no value; want literal or header`},
		{istio, `tracing: [{customTags: {a: {literal: {}}}}]`, `error spec.tracing[0].customTags["a"].literal.value: has 0 bytes; want 1 to 128`},
		{istio, `tracing: [{customTags: {url.path: {literal: {value: a}}}}]`, `error spec.tracing[0].customTags["url.path"]: "url.path" is the mesh's own`},
		{istio, `tracing: [{customTags: {a: {header: {name: Authorization}}}}]`, `error spec.tracing[0].customTags["a"].header.name: "Authorization" holds secrets`},
		{istio, `tracing: [{customTags: {a: {header: {name: "x y"}}}}]`, `error spec.tracing[0].customTags["a"].header.name: "x y" is not a header's name`},
		{istio, `tracing: [{randomSamplingPercentage: 5}], selector: {matchLabels: {version: v9}}`, "warning spec.selector.matchLabels"},
		{istio, `accessLogging: [{disabled: true}]`, ""},
		{istio, `accessLogging: [{match: {mode: CLIENT}, filter: {expression: "response.code >= 400"}}, {match: {mode: SERVER}}]`, ""},
		{istio, `accessLogging: [{filter: {}}]`, "error spec.accessLogging[0].filter.expression: is missing"},
		{istio, `accessLogging: [{disabled: true, filter: {expression: "connection.mtls"}}]`, "error spec.accessLogging[0].filter: has no meaning beside disabled: true"},
		{istio, `accessLogging: [{filter: {expression: "response.flags == 1"}}]`, "error spec.accessLogging[0].filter.expression: response.flags is not supported; want comparisons of connection.mtls"},
		{istio, `metrics: [{providers: [{name: prometheus}], overrides: [{tagOverrides: {request_method: {operation: REMOVE}, route: {operation: REMOVE}}}]}]`, ""},
		{istio, `metrics: [{overrides: [{match: {metric: REQUEST_SIZE, mode: CLIENT}, disabled: true}, {match: {metric: GRPC_RESPONSE_MESSAGES}, disabled: true}]}]`, ""},
		{istio, `metrics: [{overrides: [{match: {mode: SERVER}, tagOverrides: {source_version: {operation: REMOVE}}}]}]`, ""},
		{istio, `metrics: [{}]`, "error spec.metrics[0].overrides: is missing"},
		{istio, `metrics: [{overrides: [{}]}]`, "error spec.metrics[0].overrides[0]: says nothing"},
		{istio, `metrics: [{overrides: [{disabled: true}]}]`, "error spec.metrics[0].overrides[0].disabled: ALL_METRICS cannot be turned off: the graph, anomalies"},
		{istio, `metrics: [{overrides: [{match: {metric: REQUEST_COUNT}, tagOverrides: {route: {operation: REMOVE}}}]}]`, "error spec.metrics[0].overrides[0].match.metric: REQUEST_COUNT: all metrics of a request have the same labels"},
		{istio, `metrics: [{overrides: [{tagOverrides: {response_code: {operation: REMOVE}}}]}]`, `error spec.metrics[0].overrides[0].tagOverrides["response_code"]: cannot be removed`},
		{istio, `metrics: [{overrides: [{tagOverrides: {route: {}}}]}]`, `error spec.metrics[0].overrides[0].tagOverrides["route"].operation: is missing; want REMOVE`},
		{istio, `metrics: [{overrides: [{tagOverrides: {source_version: {operation: REMOVE}}}]}]`, `error spec.metrics[0].overrides[0].match.mode: want SERVER`},
		{own, `keep: {errors: true}`, ""},
		{own, `rules: [{host: a, pathPrefix: /b, method: GET, headers: {x-a: b}, percentage: 0}]`, ""},
		{own, `selector: {matchLabels: {version: v1}}`, "error spec: has neither rules nor keep"},
		{own, `rules: [{host: a}]`, "error spec.rules[0].percentage: is missing"},
		{own, `rules: [{host: reviews.shop.svc.cluster.local, percentage: 1}]`, ""},
		{own, `rules: [{host: "::1", percentage: 1}]`, ""},
		{own, `rules: [{host: "reviews:8080", percentage: 1}]`, `error spec.rules[0].host: "reviews:8080" fits no host, as it has the port 8080; want "reviews"`},
		{own, `rules: [{host: "*.shop", percentage: 1}]`, `error spec.rules[0].host: "*.shop" fits no host; want one whole host`},
		{own, `rules: [{host: "http://a", percentage: 1}]`, `error spec.rules[0].host: "http://a" fits no host`},
		{own, `rules: [{pathPrefix: a, percentage: 1}]`, `error spec.rules[0].pathPrefix: "a" fits no path`},
		{own, `rules: [{method: "G T", percentage: 1}]`, `error spec.rules[0].method: "G T" is not a method`},
		{own, `rules: [{headers: {"x y": a}, percentage: 1}]`, `error spec.rules[0].headers["x y"]: "x y" is not a header's name`},
		{own, `rules: [{percentage: 1}, {host: a, percentage: 2}]`, "warning spec.rules[0]: fits every request"},
		{own, `keep: {slowerThan: -1s}`, "error spec.keep.slowerThan: -1s is below 0"},
	} {
		manifest := "apiVersion: " + tt.kind + "\nmetadata: {name: r}\nspec: {" + tt.spec + "}\n"
		wantFinding(t, manifest, tt.want)
	}
}
