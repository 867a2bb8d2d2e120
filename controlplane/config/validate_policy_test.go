package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
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
		{"", source(`notPrincipals: ["*/sa/a", "a*b"]`), `error spec.rules[0].from[0].source.notPrincipals[1]: "a*b": one * is supported, at the beginning or the end`},
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

// TestPolicyOfNobody has values that no caller fits, where desk.default and till.shop run.
func TestPolicyOfNobody(t *testing.T) {
	running := config.NewWorld([]mesh.Instance{
		{Service: "desk", Identity: "spiffe://mesh.example/ns/default/sa/desk"},
		{Service: "till.shop", Identity: "spiffe://mesh.example/ns/shop/sa/till"},
		{Service: "outside"},
	})
	const entry = "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [press], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.0.0.7, serviceAccount: press}]}\n"
	from := "spec.rules[0].from[0].source."
	for _, tt := range []struct{ spec, want string }{
		{source(`principals: ["cluster.local/ns/default/sa/desk", "mesh.example/ns/shop/sa/till", "*/sa/desk", "cluster.local/*", "mesh.example/ns/sh*", "*"]`), ""},
		{source(`principals: ["cluster.local/ns/default/sa/press", "mesh.example/ns/default/sa/press"]`), ""},
		{source(`principals: [desk]`), `SL0310 ` + from + `principals[0]: "desk" is nobody's principal, so no caller fits it; want one such as "cluster.local/ns/default/sa/desk"`},
		{source(`notPrincipals: ["ns/default/sa/desk"]`), `SL0310 ` + from + `notPrincipals[0]: "ns/default/sa/desk" is nobody's principal, so no caller fits it; want one such as "cluster.local/ns/default/sa/account"`},
		{source(`principals: ["other.domain/ns/default/sa/desk"]`), `SL0112 ` + from + `principals[0]: "other.domain/ns/default/sa/desk": no caller is of trust domain "other.domain"; want mesh.example, or cluster.local, which stands for it`},
		{source(`principals: ["cluster.local/ns/default/sa/dsek"]`), `SL0111 ` + from + `principals[0]: no workload of account "dsek" of namespace "default" is known; did you mean "default/desk"?`},
		{source(`principals: ["mesh.example/ns/depot/sa/van"]`), `SL0111 ` + from + `principals[0]: no workload of account "van" of namespace "depot" is known; known are default/desk, default/press, shop/till`},
		{source(`principals: ["cluster.local/ns/depot/*"]`), `SL0111 ` + from + `principals[0]: "cluster.local/ns/depot/*" fits no workload that is known; known are cluster.local/ns/default/sa/desk, `},
		{source(`principals: ["cluster.local/ns/sightline/sa/collector"], namespaces: [sightline]`), ""},
		{source(`namespaces: [shop, "sh*", default]`), ""},
		{source(`notNamespaces: [shpo]`), `SL0111 ` + from + `notNamespaces[0]: no workload in a namespace "shpo" is known; did you mean "shop"?`},
		{source(`trustDomains: [mesh.example]`), ""},
		{source(`trustDomains: [cluster.local]`), `SL0112 ` + from + `trustDomains[0]: no caller is of trust domain "cluster.local"; want mesh.example`},
		{source(`serviceAccounts: [desk, shop/till]`), ""},
		{source(`serviceAccounts: [till]`), `SL0111 ` + from + `serviceAccounts[0]: no workload of account "till" of namespace "default" is known`},
		{condition(`key: source.principal, notValues: [desk]`), `SL0310 spec.rules[0].when[0].notValues[0]: "desk" is nobody's principal`},
		{condition(`key: source.namespace, values: [shpo]`), `SL0111 spec.rules[0].when[0].values[0]: no workload in a namespace "shpo"`},
		{condition(`key: "request.headers[x]", values: [desk]`), ""},
	} {
		var got []string
		for _, f := range config.Validate(parse(t, authorization("", tt.spec)+entry), running) {
			got = append(got, f.Code+" "+f.Path+": "+f.Message)
			if f.Severity != config.SeverityWarning {
				t.Errorf("%s: %s is no warning: %s", tt.spec, f.Code, f.Message)
			}
		}
		if all := strings.Join(got, "\n"); (tt.want == "") != (all == "") || !strings.HasPrefix(all, tt.want) || len(got) > 1 {
			t.Errorf("%s\ngot  %s\nwant %s", tt.spec, all, tt.want)
		}
	}
}

// TestPolicyBeforeAnybody: nothing is said of accounts while no sidecar has joined, but a
// principal of no shape is nobody's whoever comes.
func TestPolicyBeforeAnybody(t *testing.T) {
	spec := source(`principals: [desk, "other.domain/ns/default/sa/desk", "*/sa/x"], namespaces: [shop]`)
	found := config.Validate(parse(t, authorization("", spec)), config.NewWorld(nil))
	if len(found) != 1 || found[0].Code != string(config.CodePrincipal) {
		t.Errorf("%+v, want SL0310 of the first principal alone", found)
	}
}
