package configuration

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func FuzzManifest(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) { take(t, manifest) })
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// template fuzzes one text that stands for $ in manifests.
func template(f *testing.F, seeds []string, manifests ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range manifests {
			take(t, []byte(strings.ReplaceAll(m, "$", quoted(text))))
		}
	})
}

const (
	istio      = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [cart], http: [`
	gateway    = `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: a}, spec: {parentRefs: [{group: "", kind: Service, name: cart}], rules: [`
	outsider   = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: `
	onwardSeen = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: ["*.b.c", d.b.c], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}]}}
---
{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: a}, spec: `

	calls = `{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: a}, spec: {parentRefs: [{group: "", kind: Service, name: cart}], rules: [`
)

// FuzzHost holds besides that a name has one spelling.
func FuzzHost(f *testing.F) {
	f.Add("cart")
	f.Add("cart.shop.svc.cluster.local:80")
	f.Add("*.a")
	f.Add("*.b.example")
	f.Add("*/*.d.b.c")
	f.Add("_http._tcp.b.c")
	f.Fuzz(func(t *testing.T, host string) {
		if s, err := mesh.ResolveHost(host, "shop"); err == nil {
			again, err := mesh.ResolveHost(string(s), mesh.DefaultNamespace)
			if err != nil || again != s {
				t.Errorf("%q is %q, and that is %q, %v", host, s, again, err)
			}
		}
		for _, m := range []string{
			`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [$], http: [{route: [{destination: {host: $}}]}]}}`,
			`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: $}}`,
			gateway + `{backendRefs: [{name: $, port: 80}], filters: [{type: URLRewrite, urlRewrite: {hostname: $}}]}]}}`,
			outsider + `{hosts: [$], resolution: NONE, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}}`,
			outsider + `{hosts: [$], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}], subjectAltNames: [$]}}`,
			outsider + `{hosts: [a.b.c], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: $}]}}`,
			onwardSeen + `{egress: [{hosts: [$]}]}}`,
		} {
			take(t, []byte(strings.ReplaceAll(m, "$", quoted(host))))
		}
	})
}

func FuzzDuration(f *testing.F) {
	template(f, []string{"10s", "1h30m", "0s", "-1s", "1.5s", "99999h99999h", "1ms1ms"},
		istio+`{route: [{destination: {host: cart}}], timeout: $, retries: {attempts: 1, perTryTimeout: $, backoff: $}}]}}`,
		gateway+`{backendRefs: [{name: cart, port: 80}], timeouts: {request: $, backendRequest: $}, retry: {backoff: $}}]}}`,
		`{apiVersion: sightline.dev/v1alpha1, kind: Hedge, metadata: {name: a}, spec: {service: cart, after: $}}`)
}

func FuzzMatch(f *testing.F) {
	template(f, []string{"/", "/a/b", "/a/", "(", "[a-z]+", "shop.Cart", "x-a", "GET", "%2F", "(?i)a|b", "\\z", "a)(b"},
		istio+`{match: [{uri: {prefix: $}}, {uri: {regex: $}}, {headers: {$: {exact: $}}}, {queryParams: {$: {prefix: $}}}], route: [{destination: {host: cart}}], rewrite: {uri: $}}]}}`,
		gateway+`{matches: [{path: {value: $}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: $}}}], backendRefs: [{name: cart, port: 80}]}]}}`,
		gateway+`{matches: [{path: {type: Exact, value: $}}, {path: {type: RegularExpression, value: $}}], backendRefs: [{name: cart, port: 80}]}]}}`,
		gateway+`{matches: [{headers: [{name: $, value: $}], queryParams: [{name: $, value: $, type: RegularExpression}]}], filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: $}}}]}]}}`,
		calls+`{matches: [{method: {service: $, method: $}}, {method: {type: RegularExpression, method: $}}], backendRefs: [{name: cart, port: 80}]}]}}`)
}
