package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestValidateRateLimit(t *testing.T) {
	for _, tt := range []struct{ spec, want string }{
		{`rules: [{requests: 5}]`, ""},
		{`rules: [{requests: 5, unit: hour, burst: 10, per: header, header: x-user, to: [{operation: {paths: ["/a"]}}]}]`, ""},
		{`inFlight: {requests: 5}`, ""},
		{`inFlight: {perCaller: 5}`, ""},
		{`selector: {matchLabels: {version: v1}}`, "error spec: has neither rules nor inFlight, so it limits nothing"},
		{`inFlight: {}`, "error spec.inFlight: has none of requests, perCaller, connectionsPerCaller and adaptive: {}; want one of them"},
		{`inFlight: {connectionsPerCaller: 100, adaptive: {}}`, ""},
		{`inFlight: {adaptive: {percentile: 95, maxRequests: 20, interval: 1s, minRTT: {fixed: 2ms, interval: 30s, requests: 20, concurrency: 5, jitter: 10, buffer: 12.5}}}`, ""},
		{`inFlight: {adaptive: {maxRequests: 2}}`, "error spec.inFlight.adaptive.minRTT.concurrency: 3 is above maxRequests (2)"},
		{`inFlight: {adaptive: {interval: 2m}}`, "error spec.inFlight.adaptive.minRTT.interval: 1m0s is below the interval of 2m0s"},
		{`rules: [{per: caller}]`, "error spec.rules[0].requests: is missing; want how many there may be in a unit"},
		{`rules: [{requests: 5, per: header}]`, "error spec.rules[0].header: is missing; want the header whose values get a share each"},
		{`rules: [{requests: 5, header: x}]`, "error spec.rules[0].header: means nothing without per: header"},
		{`rules: [{requests: 5, per: header, header: "x y"}]`, `error spec.rules[0].header: "x y" is not a header's name`},
		{`rules: [{requests: 5, to: [{operation: {paths: ["a"]}}]}]`, `error spec.rules[0].to[0].operation.paths[0]: "a" fits no path`},
		{`rules: [{requests: 5, from: [{}]}]`, `error spec.rules[0].from[0].source: is missing`},
		{`rules: [{requests: 5}], selector: {matchLabels: {version: v9}}`, `warning spec.selector.matchLabels: {"version":"v9"} fits no running instance`},
	} {
		manifest := "apiVersion: sightline.dev/v1alpha1\nkind: RateLimit\nmetadata: {name: r}\nspec: {" + tt.spec + "}\n"
		wantFinding(t, manifest, tt.want)
	}
}

// TestOneAdaptiveLimit: for the workloads of the first, "a" in default with the labels,
// the second is refused, warned of, or nothing is said.
func TestOneAdaptiveLimit(t *testing.T) {
	limit := func(name, namespace, labels, spec string) string {
		return "---\napiVersion: sightline.dev/v1alpha1\nkind: RateLimit\nmetadata: {name: " + name + ", namespace: " + namespace + "}\n" +
			"spec: {selector: {matchLabels: {" + labels + "}}, inFlight: {" + spec + "}}\n"
	}
	const refused, warned = "error", "warning"
	for _, tt := range []struct {
		name, first, namespace, labels, spec string
		want                                 string // severity, and who has it
	}{
		{"the same", "version: v1", "default", "version: v1", "adaptive: {}", refused},
		{"all of the namespace", "version: v1", "default", "", "adaptive: {}", refused},
		{"all of the mesh", "version: v1", mesh.SystemNamespace, "", "adaptive: {}", refused},
		{"some of those", "version: v1", "default", "version: v1, app: parcels", "adaptive: {}", refused},
		{"others", "version: v1", "default", "version: v2", "adaptive: {}", ""},
		{"another namespace", "version: v1", "shop", "", "adaptive: {}", ""},
		{"some may be of both", "version: v1", "default", "app: parcels", "adaptive: {}", warned},
		{"others of the mesh", "version: v1", mesh.SystemNamespace, "version: v2", "adaptive: {}", ""},
		{"a fixed bound beside it", "version: v1", "default", "version: v1", "requests: 10", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			manifest := limit("a", "default", tt.first, "adaptive: {}") + limit("b", tt.namespace, tt.labels, tt.spec)
			var got []string
			for _, f := range config.Validate(parse(t, manifest), world()) {
				if f.Path == "spec.inFlight.adaptive" {
					got = append(got, f.Severity+" "+config.Line(f))
				}
			}
			if tt.want == "" {
				if len(got) != 0 {
					t.Errorf("got %q, want nothing", got)
				}
				return
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], tt.want+" RateLimit ") ||
				!strings.Contains(got[0], "RateLimit default/a") || !strings.Contains(got[0], "RateLimit "+tt.namespace+"/b") {
				t.Errorf("got %q, want one %s that names both", got, tt.want)
			}
		})
	}
}
