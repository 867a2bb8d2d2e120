package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
)

func authorization(metadata, spec string) string {
	return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p" + metadata + "}\nspec: " + spec + "\n"
}

func source(s string) string    { return `{rules: [{from: [{source: {` + s + `}}]}]}` }
func operation(s string) string { return `{rules: [{to: [{operation: {` + s + `}}]}]}` }
func condition(s string) string { return `{rules: [{when: [{` + s + `}]}]}` }

// wantFinding expects one finding on a manifest, "severity path: message", that begins
// like want, or none if want is empty.
func wantFinding(t *testing.T, manifest, want string) {
	t.Helper()
	var lines []string
	for _, f := range config.Validate(parse(t, manifest), world()) {
		lines = append(lines, f.Severity+" "+f.Path+": "+f.Message)
	}
	got := strings.Join(lines, "\n")
	if (want == "") != (got == "") || !strings.HasPrefix(got, want) || len(lines) > 1 {
		t.Errorf("%s\ngot  %s\nwant %s", manifest, got, want)
	}
}

func TestValidateAuthorizationPolicy(t *testing.T) {
	for _, tt := range []struct{ metadata, spec, want string }{
		{"", `{}`, ""},
		{"", `{rules: [{}]}`, ""},
		{"", `{action: ALLOW, rules: []}`, ""},
		{"", `{action: DENY, rules: [{}]}`, ""},
		{"", `{action: DENY}`, `warning spec.rules: DENY without rules fits no request, so it does nothing`},
		{"", `{action: AUDIT}`, `warning spec.rules: AUDIT without rules`},
		{"", `{selector: {matchLabels: {version: v1}}}`, ""},
		{"", `{selector: {matchLabels: {version: v9}}}`, `warning spec.selector.matchLabels: {"version":"v9"} fits no running instance in namespace default`},
		{", namespace: other", `{selector: {matchLabels: {version: v1}}}`, `warning spec.selector.matchLabels`},
		{", namespace: sightline", `{selector: {matchLabels: {version: v1}}}`, ""},
		{`, annotations: {istio.io/dry-run: "true"}`, `{action: DENY, rules: [{}]}`, ""},
		{`, annotations: {istio.io/dry-run: "yes"}`, `{action: DENY, rules: [{}]}`, `error metadata.annotations["istio.io/dry-run"]: "yes" is not right; want "true" or "false"`},
		{`, annotations: {istio.io/dry-run: "true"}`, `{action: AUDIT, rules: [{}]}`, `error metadata.annotations["istio.io/dry-run"]: an AUDIT policy enforces nothing anyway`},

		{"", source(`principals: ["cluster.local/ns/a/sa/b", "*/sa/b", "cluster.local/*", "*"]`), ""},
		{"", source(`principals: ["spiffe://mesh.local/ns/a/sa/b"]`), `error spec.rules[0].from[0].source.principals[0]: "spiffe://mesh.local/ns/a/sa/b": want it without spiffe://`},
		{"", source(`notPrincipals: ["a", "a*b"]`), `error spec.rules[0].from[0].source.notPrincipals[1]: "a*b": one * is supported, at the beginning or the end`},
		{"", source(`namespaces: ["*a*"]`), `error spec.rules[0].from[0].source.namespaces[0]: "*a*": one * is supported`},
		{"", source(`namespaces: ["**"]`), `error spec.rules[0].from[0].source.namespaces[0]: "**": one * is supported`},
		{"", source(`requestPrincipals: [""]`), `error spec.rules[0].from[0].source.requestPrincipals[0]: "" fits nothing; want a value, or "*" for any`},
		{"", source(`serviceAccounts: [a, a/b]`), ""},
		{"", source(`serviceAccounts: ["a/*"]`), `error spec.rules[0].from[0].source.serviceAccounts[0]: "a/*" is not a service account; want account or namespace/account, without wildcards`},
		{"", source(`notServiceAccounts: ["a/b/c"]`), `error spec.rules[0].from[0].source.notServiceAccounts[0]: "a/b/c" is not a service account`},
		{"", source(`serviceAccounts: [a], namespaces: [b]`), `error spec.rules[0].from[0].source.serviceAccounts: cannot stand beside principals or namespaces; keep one`},
		{"", source(`ipBlocks: [10.0.0.0/8, 1.2.3.4, "::1", "fd00::/8"]`), ""},
		{"", source(`ipBlocks: [10.0.0.0/33]`), `error spec.rules[0].from[0].source.ipBlocks[0]: "10.0.0.0/33" is not an address; want one such as 10.1.2.3, or a CIDR prefix such as 10.0.0.0/8`},
		{"", source(`notIpBlocks: ["::ffff:10.0.0.0/104"]`), `error spec.rules[0].from[0].source.notIpBlocks[0]`},
		{"", `{rules: [{from: [{}]}]}`, `error spec.rules[0].from[0].source: is missing; leave the whole entry out to match everything`},
		{"", `{rules: [{to: [{}]}]}`, `error spec.rules[0].to[0].operation: is missing`},

		{"", operation(`hosts: ["a.example", "*.example", "a.example:*"], methods: ["GET"], ports: ["80"]`), ""},
		{"", operation(`ports: ["0"]`), `error spec.rules[0].to[0].operation.ports[0]: "0" is not a port; want a number from 1 to 65535`},
		{"", operation(`notPorts: ["080"]`), `error spec.rules[0].to[0].operation.notPorts[0]: "080" is not a port`},
		{"", operation(`ports: ["70000"]`), `error spec.rules[0].to[0].operation.ports[0]`},
		{"", operation(`paths: ["/a", "/a/*", "*.txt", "*", "/a/{*}/b/{**}/c"]`), ""},
		{"", operation(`paths: ["a/b"]`), `error spec.rules[0].to[0].operation.paths[0]: "a/b" fits no path; want it to begin with / or *`},
		{"", operation(`paths: ["/a/{*}.txt"]`), `error spec.rules[0].to[0].operation.paths[0]: "/a/{*}.txt" is not a path template; want {*} and {**} as whole segments`},
		{"", operation(`paths: ["/*/{*}"]`), `error spec.rules[0].to[0].operation.paths[0]: "/*/{*}" is not a path template`},
		{"", operation(`notPaths: ["/{**}/{*}"]`), `error spec.rules[0].to[0].operation.notPaths[0]: "/{**}/{*}" is not a path template`},
		{"", operation(`paths: ["*{*}"]`), `error spec.rules[0].to[0].operation.paths[0]: "*{*}" is not a path template; want it to begin with /`},

		{"", condition(`key: "request.headers[x]", values: [a]`), ""},
		{"", condition(`key: "request.auth.claims[a][b]", notValues: [a]`), ""},
		{"", condition(`values: [a]`), `error spec.rules[0].when[0].key: is missing; want an attribute such as request.headers[x-user]`},
		{"", condition(`key: remote.ip, values: [10.0.0.0/8]`), ""},
		{"", condition(`key: remote.ip, values: [a]`), `error spec.rules[0].when[0].values[0]: "a" is not an address`},
		{"", source(`remoteIpBlocks: [10.0.0.0/8], notRemoteIpBlocks: [10.1.1.1]`), ""},
		{"", source(`remoteIpBlocks: [x]`), `error spec.rules[0].from[0].source.remoteIpBlocks[0]: "x" is not an address`},
		{"", condition(`key: "request.headers[:authority]", values: [a]`), ""},
		{"", condition(`key: "request.headers[:path]", values: [a]`), `error spec.rules[0].when[0].key: "request.headers[:path]" is not supported; want source.ip, remote.ip`},
		{"", condition(`key: experimental.envoy.filters.network.mysql_proxy, values: [a]`), `error spec.rules[0].when[0].key: "experimental.envoy.filters.network.mysql_proxy" is not supported`},
		{"", condition(`key: "request.headers[]", values: [a]`), `error spec.rules[0].when[0].key: "request.headers[]" is not supported`},
		{"", condition(`key: "request.auth.claims[a]b[c]", values: [a]`), `error spec.rules[0].when[0].key`},
		{"", condition(`key: source.namespace`), `error spec.rules[0].when[0]: has neither values nor notValues; want one of them`},
		{"", condition(`key: source.ip, values: [x]`), `error spec.rules[0].when[0].values[0]: "x" is not an address`},
		{"", condition(`key: destination.port, notValues: [x]`), `error spec.rules[0].when[0].notValues[0]: "x" is not a port`},
		{"", condition(`key: source.principal, values: ["spiffe://x"]`), `error spec.rules[0].when[0].values[0]: "spiffe://x": want it without spiffe://`},
		{"", condition(`key: source.serviceAccount, values: ["*"]`), `error spec.rules[0].when[0].values[0]: "*" is not a service account`},
	} {
		manifest := authorization(tt.metadata, tt.spec)
		wantFinding(t, manifest, tt.want)
	}
}
