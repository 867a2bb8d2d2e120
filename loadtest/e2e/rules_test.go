package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	istioHead = "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews}\nspec: "
	toV1      = "{route: [{destination: {host: reviews, subset: v1}}]}"
)

// rulesOf is a VirtualService of reviews with what holds for jason before the rest.
func rulesOf(jason string) string {
	return istioHead + "{hosts: [reviews], http: [{match: [{headers: {end-user: {exact: jason}}}], " + jason +
		", route: [{destination: {host: reviews, subset: v1}}]}, " + toV1 + "]}\n"
}

// TestRulesTakeEffect applies the other shapes of manifests that introductions to service
// meshes show, beside those that share requests out, and asks as their readers would.
func TestRulesTakeEffect(t *testing.T) {
	m := startDemo(t, "--rps", "0.2")
	m.mustApply(t, subsets)
	client := through(m.at["cart:v1"].Outbound)
	jason := []string{"end-user", "jason"}
	const reviews = "http://reviews/reviews/1"
	type question struct {
		target string
		header []string
		status int
		slow   bool // as the delay is long
	}
	for _, c := range []struct {
		name, manifest string
		ask            []question
	}{
		{
			"an abort for one user", rulesOf("fault: {abort: {percentage: {value: 100.0}, httpStatus: 500}}"),
			[]question{{reviews, jason, 500, false}, {reviews, nil, 200, false}},
		},
		{
			"a delay for one user", rulesOf("fault: {delay: {percentage: {value: 100.0}, fixedDelay: 7s}}"),
			[]question{{reviews, jason, 200, true}, {reviews, nil, 200, false}},
		},
		{
			"an abort for everyone, before a route that nobody gets to",
			istioHead + "{hosts: [reviews], http: [{fault: {abort: {httpStatus: 555, percentage: {value: 100}}}, route: [{destination: {host: reviews, subset: v1}}]}, " + toV1 + "]}\n",
			[]question{{reviews, nil, 555, false}},
		},
		{
			"a canary with retries and a timeout",
			strings.Replace(split(90, "v2", 10), "weight: 10", "weight: 10\n    retries: {attempts: 3, perTryTimeout: 2s}\n    timeout: 10s", 1),
			[]question{{reviews, nil, 200, false}},
		},
		{
			"mutual TLS by the rule", strings.Replace(subsets, "loadBalancer: {simple: RANDOM}", "tls: {mode: ISTIO_MUTUAL}", 1),
			[]question{{reviews, nil, 200, false}},
		},
		{
			"a delegate for a part of the paths",
			istioHead + "{hosts: [reviews], http: [{match: [{uri: {prefix: /reviews}}], delegate: {name: part}}, {directResponse: {status: 418}}]}\n" +
				strings.Replace(istioHead, "name: reviews", "name: part", 1) + "{http: [{match: [{uri: {exact: /reviews/1}}], route: [{destination: {host: reviews, subset: v1}}]}]}\n",
			[]question{{reviews, nil, 200, false}, {"http://reviews/reviews/2", nil, 418, false}, {"http://reviews/other", nil, 418, false}},
		},
		{
			"a policy by the address a request names",
			"---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: elsewhere}\nspec: {action: DENY, " +
				"rules: [{from: [{source: {remoteIpBlocks: [192.0.2.0/24]}}]}]}\n",
			[]question{{reviews, []string{"X-Forwarded-For", "192.0.2.1"}, 403, false}, {reviews, []string{"X-Forwarded-For", "192.0.2.1, 198.51.100.1"}, 200, false}, {reviews, nil, 200, false}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.mustApply(t, c.manifest)
			for _, q := range c.ask {
				began := time.Now()
				status, body := ask(t, client, q.target, q.header...)
				if status != q.status || (time.Since(began) >= 7*time.Second) != q.slow {
					t.Errorf("%s with %v: %d after %v, want %d\n%s\n%s", q.target, q.header, status, time.Since(began), q.status, body, c.manifest)
				}
			}
		})
	}
	if out, err := m.command(t, "delete", "vs", "reviews"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.mustApply(t, "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: reviews}\n"+
		"spec: {parentRefs: [{group: '', kind: Service, name: reviews, port: 9080}], rules: [{backendRefs: [{name: catalog, port: 9080}]}]}\n")
	for target, want := range map[string]int{"http://reviews:9080/products": http.StatusOK, "http://reviews/products": http.StatusNotFound} {
		if status, body := ask(t, client, target); status != want {
			t.Errorf("an HTTPRoute on a port: %s: %d, want %d\n%s", target, status, want, body)
		}
	}
}
