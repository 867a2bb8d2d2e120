package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestValidateRules holds each wrong value against the message that says what would
// be right. A case is what stands beside the route's destination; what its findings
// have in common is left out.
func TestValidateRules(t *testing.T) {
	const to = `route: [{destination: {host: parcels}}]`
	tests := []struct {
		rule string
		want []string
	}{
		// matches
		{`match: [{port: 70000}], ` + to, []string{`match[0].port: 70000 is not a port; want 1 to 65535`}},
		{`match: [{sourceNamespace: A_b}], ` + to, []string{`match[0].sourceNamespace: "A_b" is not a namespace`}},
		{`match: [{scheme: {}, authority: {prefix: ""}}], ` + to, []string{
			`match[0].scheme: is empty; want exact, prefix or regex`, `match[0].authority.prefix: is empty`,
		}},
		{`match: [{queryParams: {"": {exact: a}, b: {regex: "("}, c: {}, d: {exact: ""}}}], ` + to, []string{
			`match[0].queryParams[""]: has no name`, `match[0].queryParams["b"].regex: "(" is not a regular expression`,
		}},
		{`match: [{withoutHeaders: {"a b": {}, X: {}, x: {exact: "1"}, method: {}}}], ` + to, []string{
			`match[0].withoutHeaders["a b"]: "a b" is not the name of a header`,
			`match[0].withoutHeaders["method"]: "method" is not a header`,
			`match[0].withoutHeaders["x"]: "x" is there twice`,
		}},
		{`match: [{headers: {a: {regex: "*"}, b: {exact: ""}, c: {}}}], ` + to, nil},
		{`match: [{uri: {prefix: v1}}], ` + to, []string{`warning: match[0].uri.prefix: "v1" fits no path: each begins with a slash`}},
		{`match: [{uri: {regex: "/a.*"}, ignoreUriCase: true}], ` + to, []string{`warning: match[0].ignoreUriCase: takes no effect on a regex; begin that with (?i)`}},
		// header edits
		{`headers: {request: {set: {host: a.shop:80, x-a: "100%%"}, add: {x-b: ""}, remove: [x-c]}, response: {set: {x-d: b}}}, ` + to, nil},
		{`headers: {request: {set: {":authority": "a b"}, add: {Host: c}, remove: [host]}}, ` + to, []string{
			`headers.request.set[":authority"]: "a b" is not an authority; want a host name`,
			`headers.request.add["Host"]: "Host" can only be set, in request.set`,
			`headers.request.remove[0]: "host" can only be set`,
		}},
		{`headers: {response: {set: {host: c, Content-Length: "1", ":path": /, "x y": a, X-Sightline-Flags: UF}}}, ` + to, []string{
			`headers.response.set[":path"]: ":path" is not a header; use rewrite`,
			`headers.response.set["Content-Length"]: "Content-Length" belongs to the connection`,
			`headers.response.set["X-Sightline-Flags"]: "X-Sightline-Flags" is the mesh's own`,
			`headers.response.set["host"]: "host" can only be set`,
			`headers.response.set["x y"]: "x y" is not the name of a header`,
		}},
		{`headers: {request: {add: {a: "%REQ(x-a)% b", b: "50%", c: "a\nb"}}}, ` + to, []string{
			`headers.request.add["a"]: %REQ(x-a)% is not supported: a value is the same for every request, and variables are Envoy's; write a plain one, with %% for a percent sign`,
			`headers.request.add["b"]: % is not supported: a value is the same for every request`,
			`headers.request.add["c"]: "a\nb" has a control character`,
		}},
		{`route: [{destination: {host: parcels}, headers: {request: {set: {X-A: "1", x-a: "2"}}}}]`, []string{
			`route[0].headers.request.set["x-a"]: "x-a" is there twice`,
		}},
		// rewrite
		{`rewrite: {uri: /v2, authority: b.shop:8080}, ` + to, nil},
		{`rewrite: {}, ` + to, []string{`rewrite: is empty; want uri, uriRegexRewrite or authority`}},
		{`rewrite: {uri: v2, authority: "b/c"}, ` + to, []string{
			`rewrite.uri: "v2" is not a path; want one that begins with a slash`, `rewrite.authority: "b/c" is not an authority`,
		}},
		{`rewrite: {uri: "/a b"}, ` + to, []string{`rewrite.uri: "/a b" has a character that no path may have`}},
		{`rewrite: {uri: /a, uriRegexRewrite: {match: "(a)(b)", rewrite: '\2\3'}}, ` + to, []string{
			`rewrite.uriRegexRewrite: cannot stand beside uri`, `rewrite.uriRegexRewrite.rewrite: "\\2\\3" names the group \3; the match has 2`,
		}},
		{`rewrite: {uriRegexRewrite: {match: "(", rewrite: a}}, ` + to, []string{`rewrite.uriRegexRewrite.match: "(" is not a regular expression`}},
		{`rewrite: {uriRegexRewrite: {rewrite: a}}, ` + to, []string{`rewrite.uriRegexRewrite.match: is empty`}},
		// redirect and direct response
		{`redirect: {uri: /new, redirectCode: 308, scheme: https, derivePort: FROM_REQUEST_PORT}`, nil},
		{`redirect: {}`, []string{`redirect: leads nowhere else; want uri, authority, scheme or port`}},
		{`redirect: {uri: /a, redirectCode: 200, scheme: ftp, port: 0}`, []string{
			`redirect.redirectCode: 200 is not a redirect; want 301, 302, 303, 307 or 308`,
			`redirect.scheme: "ftp" is not supported; want http or https`, `redirect.port: 0 is not a port`,
		}},
		{`redirect: {uri: /a, prefixRewrite: /b}`, []string{
			`redirect.prefixRewrite: cannot stand beside uri`, `redirect.prefixRewrite: needs a prefix to replace`,
		}},
		{`redirect: {uri: /a}, fault: {abort: {httpStatus: 500, percentage: {value: 1}}}, timeout: 1s, retries: {attempts: 1}, rewrite: {uri: /b}, mirror: {host: parcels}, ` + to, []string{
			`route: cannot stand beside redirect, which forwards nothing`, `rewrite: cannot stand beside redirect`, `fault: cannot`,
			`mirror: cannot`, `retries: cannot`, `timeout: cannot`,
		}},
		{`directResponse: {status: 503, body: {string: closed}}`, nil},
		{`directResponse: {status: 99}, redirect: {uri: /}`, []string{
			`directResponse: cannot stand beside redirect`, `directResponse.status: 99 is not the status of an answer; want 200 to 599`,
		}},
		{`directResponse: {status: 204, body: {string: x}}`, []string{`directResponse.body: an answer with status 204 has no body`}},
		{`directResponse: {status: 200, body: {string: ` + strings.Repeat("x", mesh.MaxBody+1) + `}}`, []string{`directResponse.body: has 65537 bytes; at most 65536 are answered`}},
		{`name: empty`, []string{`route: is empty; want at least one destination, or redirect or directResponse`}},
		// faults
		{`fault: {}, ` + to, []string{`fault: is empty; want delay or abort`}},
		{`fault: {delay: {percentage: {value: 101}}, abort: {httpStatus: 600, percentage: {value: -1}}}, ` + to, []string{
			`fault.delay.fixedDelay: is missing; want how long`, `fault.delay.percentage.value: 101 is not a percentage from 0 to 100`,
			`fault.abort.httpStatus: 600 is not the status of an answer`, `fault.abort.percentage.value: -1 is not a percentage`,
		}},
		{`fault: {delay: {fixedDelay: 2h, percent: 101}, abort: {grpcStatus: "14", percentage: {value: 1}}}, ` + to, []string{
			`fault.delay.fixedDelay: 2h0m0s is longer than 1h`, `fault.delay.percent: 101 is not a percentage`,
			`fault.abort.grpcStatus: "14" is not a status of gRPC; want one of OK, CANCELLED`,
		}},
		{`fault: {delay: {fixedDelay: 1s}, abort: {httpStatus: 500}}, ` + to, []string{
			`warning: fault.delay: delays no request: give percentage.value`, `warning: fault.abort: aborts no request`,
		}},
		{`fault: {abort: {percentage: {value: 1}}}, ` + to, []string{`fault.abort: says not how; want httpStatus or grpcStatus`}},
		// mirrors
		{`mirror: {host: parcels}, mirrors: [{destination: {host: "*"}, percentage: {value: 200}}], mirrorPercent: 101, ` + to, []string{
			`mirrors: cannot stand beside mirror`, `mirrorPercent: 101 is not a percentage`,
			`mirrors[0].destination.host: host "*": wildcards are not supported: each service has instances`, `mirrors[0].percentage.value: 200 is not a percentage`,
		}},
		{`mirrorPercentage: {value: 5}, ` + to, []string{`mirrorPercentage: is for mirror, which is not there`}},
		// CORS
		{`corsPolicy: {allowOrigin: ["*"], allowOrigins: [{exact: "https://a"}], allowMethods: [GET, "*"], maxAge: 24h}, ` + to, nil},
		{`corsPolicy: {}, ` + to, []string{`warning: corsPolicy: permits no origin`}},
		{`corsPolicy: {allowOrigins: [{}, {exact: ""}], allowMethods: ["G T"], allowHeaders: [""], exposeHeaders: ["a,b"], maxAge: 1500ms}, ` + to, []string{
			`corsPolicy.allowOrigins[0]: is empty; want exact, prefix or regex`, `corsPolicy.allowOrigins[1]: is empty; want an origin`,
			`corsPolicy.allowMethods[0]: "G T" is not a name`, `corsPolicy.allowHeaders[0]: "" is not a name`,
			`corsPolicy.exposeHeaders[0]: "a,b" is not a name`, `corsPolicy.maxAge: 1.5s has a part of a second`,
		}},
		// retries
		{`retries: {attempts: 1, backoff: 0s}, ` + to, []string{`retries.backoff: 0s is not above 0`}},
	}
	for _, tt := range tests {
		got := config.Validate(parse(t, route("[{"+tt.rule+"}]")), world())
		for i, f := range got {
			line := strings.TrimPrefix(f.Path, "spec.http[0].") + ": " + f.Message
			if f.Severity == config.SeverityWarning {
				line = "warning: " + line
			}
			if i >= len(tt.want) || !strings.HasPrefix(line, tt.want[i]) {
				t.Errorf("%s: finding %d: %s", tt.rule[:min(len(tt.rule), 90)], i, line)
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d findings, want %d", tt.rule[:min(len(tt.rule), 90)], len(got), len(tt.want))
		}
	}
}

func TestValidateStreams(t *testing.T) {
	manifest := `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: parcels}
spec:
  hosts: [parcels]
  tcp:
  - match: [{port: 99999, sourceNamespace: _}]
    route: [{destination: {host: parcels}, weight: -1}, {destination: {host: parcels, subset: v9}}]
  - {}
  tls:
  - route: [{destination: {host: parcels}}]
  - match: [{port: 1}, {sniHosts: ["*.a", "a*", ""]}]
    route: [{destination: {host: parcels}}]
`
	want := []string{
		"spec.tcp[0].match[0].port: 99999 is not a port", "spec.tcp[0].match[0].sourceNamespace: ",
		"spec.tcp[0].route[0].weight: -1 is below 0", `spec.tcp[0].route[1].destination.subset: "v9" is unknown`,
		"spec.tcp[0].route: the weights sum to -1", "spec.tcp[1].route: is empty", "spec.tls[0].match: is empty",
		"spec.tls[1].match[0].sniHosts: is empty", `spec.tls[1].match[1].sniHosts[1]: "a*" is not a server name`,
		`spec.tls[1].match[1].sniHosts[2]: "" is not a server name`,
	}
	got := config.Validate(parse(t, manifest), world())
	for i, f := range got {
		if i >= len(want) || !strings.HasPrefix(f.Path+": "+f.Message, want[i]) {
			t.Errorf("finding %d: %s: %s", i, f.Path, f.Message)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d findings, want %d", len(got), len(want))
	}
}

func TestWeightsOfAServiceThatAnswersItselfAreRefused(t *testing.T) {
	all := parse(t, rule+route(`[{directResponse: {status: 503}}]`))
	if _, err := config.SetWeights(all, "parcels", map[mesh.Version]uint32{"v1": 1}); err == nil || !strings.Contains(err.Error(), "answers every request itself") {
		t.Errorf("err = %v", err)
	}
}
