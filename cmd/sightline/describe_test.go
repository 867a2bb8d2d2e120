package main

import (
	"slices"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestAboutListsWhatMayConcernAService(t *testing.T) {
	manifest := func(kind, api, metadata, spec string) mesh.Resource {
		return mesh.Resource{Manifest: "apiVersion: " + api + "\nkind: " + kind + "\nmetadata: {" + metadata + "}\nspec: " + spec + "\n", Name: kind}
	}
	const security = "security.istio.io/v1"
	all := []mesh.Resource{
		manifest("DestinationRule", "networking.istio.io/v1", "name: a", "{host: menu}"),
		manifest("AuthorizationPolicy", security, "name: b", "{selector: {matchLabels: {app: menu, version: v2}}, action: DENY, rules: [{}]}"),
		manifest("PeerAuthentication", security, "name: c", "{mtls: {mode: STRICT}}"),
		manifest("AuthorizationPolicy", security, "name: d", "{selector: {matchLabels: {app: waiter}}, action: DENY, rules: [{}]}"),
		manifest("PeerAuthentication", security, "name: e, namespace: kitchen", "{mtls: {mode: STRICT}}"),
		manifest("PeerAuthentication", security, "name: f, namespace: istio-system", "{mtls: {mode: STRICT}}"),
		manifest("VirtualService", "networking.istio.io/v1", "name: g", "{hosts: [waiter], http: [{route: [{destination: {host: waiter}}]}]}"),
	}
	var got []int
	for i, r := range all {
		if len(about([]mesh.Resource{r}, "menu")) > 0 {
			got = append(got, i)
		}
	}
	if want := []int{0, 1, 2, 5}; !slices.Equal(got, want) {
		t.Errorf("of the resources %v are about menu, want %v", got, want)
	}
}
