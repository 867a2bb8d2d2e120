package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
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
		var lines []string
		for _, f := range config.Validate(parse(t, manifest), world()) {
			lines = append(lines, f.Severity+" "+f.Path+": "+f.Message)
		}
		got := strings.Join(lines, "\n")
		if (tt.want == "") != (got == "") || !strings.HasPrefix(got, tt.want) || len(lines) > 1 {
			t.Errorf("%s\ngot  %s\nwant %s", manifest, got, tt.want)
		}
	}
}
