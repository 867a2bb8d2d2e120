package config

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func sidecarOf(name, namespace, hosts string, labels ...string) string {
	selector := ""
	if len(labels) > 0 {
		selector = "  workloadSelector: {labels: {" + labels[0] + "}}\n"
	}
	return "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: " + name + ", namespace: " + namespace +
		"}\nspec:\n" + selector + "  egress: [{hosts: [" + hosts + "]}]\n---\n"
}

func TestWhatASidecarSees(t *testing.T) {
	for hosts, want := range map[string]string{
		`"*/*"`:                           "cart.shop vault.bank ratings",
		`"./*"`:                           "cart.shop",
		`"~/*"`:                           "",
		`"bank/*"`:                        "vault.bank",
		`"./*", "default/*"`:              "cart.shop ratings",
		`"default/ratings"`:               "ratings",
		`"*/ratings"`:                     "ratings",
		`"*/cart.shop"`:                   "cart.shop",
		`"bank/cart.shop"`:                "",
		`"*/*.bank.svc.cluster.local"`:    "vault.bank",
		`"*/CART.shop.svc.cluster.local"`: "cart.shop",
		`"default/ratings.default.svc.cluster.local"`: "ratings",
	} {
		var seen []string
		egress := mustParse(t, sidecarOf("s", "shop", hosts))[0].Egress()
		for _, s := range []mesh.ServiceName{"cart.shop", "vault.bank", "ratings"} {
			if egress.Sees(s) {
				seen = append(seen, string(s))
			}
		}
		if got := strings.Join(seen, " "); got != want {
			t.Errorf("%s: sees %q, want %q", hosts, got, want)
		}
	}
	if !Egress(nil).Sees("anything") {
		t.Error("without a Sidecar something is hidden")
	}
}

func TestWhatOfASidecarIsRefused(t *testing.T) {
	one := sidecarOf("s", "shop", `"./*"`)
	for manifest, want := range map[string]string{
		sidecarOf("s", "shop", "reviews"):                                   `spec.egress[0].hosts[0]: "reviews" is not namespace/host`,
		sidecarOf("s", "shop", `"a/b/c"`):                                   "is not namespace/host",
		sidecarOf("s", "shop", `"~/x"`):                                     "want ~/*",
		sidecarOf("s", "shop", `"*x/y"`):                                    `"*x" is not a namespace`,
		sidecarOf("s", "shop", `"./*x"`):                                    `"*x" is not a host`,
		sidecarOf("s", "shop", ""):                                          "spec.egress: names no hosts",
		strings.Replace(one, "egress: [", "egress: [{hosts: ['./*']}, ", 1): "several listeners",
		strings.Replace(one, "{hosts:", "{port: {number: 80}, hosts:", 1):   "spec.egress[0].port: is not supported (value {\"number\":80}): one listener carries every port",
		one + "\nspec": "document 2",
		strings.Replace(one, "  egress", "  ingress: []\n  egress", 1):                              "spec.ingress: is not supported (value []): ports of an app are the sidecar's own flag --port",
		strings.Replace(one, "  egress", "  outboundTrafficPolicy: {mode: ALLOW_ANY}\n  egress", 1): "spec.outboundTrafficPolicy: is not supported (value {\"mode\":\"ALLOW_ANY\"}): who may go out of the mesh is each sidecar's own flag --outbound-policy",
		sidecarOf("s", "istio-system", `"./*"`, "app: web"):                                         "has no effect in namespace istio-system",
		one + sidecarOf("t", "shop", `"./*"`):                                                       "Sidecar shop/t: spec: Sidecar shop/s is for the same workloads",
	} {
		objects, err := Parse([]byte(manifest))
		var found []string
		if err != nil {
			found = append(found, err.Error())
		}
		for _, f := range Validate(objects, World{}) {
			if f.Severity == SeverityError {
				found = append(found, Line(f))
			}
		}
		if text := strings.Join(found, "\n"); !strings.Contains(text, want) {
			t.Errorf("%s\nfound %q, want %q", manifest, text, want)
		}
	}
	if found := Validate(mustParse(t, one), NewWorld([]mesh.Instance{{ID: "a", Service: "cart.shop"}})); len(found) > 0 {
		t.Errorf("a good one: %+v", found)
	}
}
