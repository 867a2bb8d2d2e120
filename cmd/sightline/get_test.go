package main

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestKindOf(t *testing.T) {
	for word, want := range map[string]string{
		"vs": "VirtualService", "httproute": "HTTPRoute", "HTTPRoutes": "HTTPRoute", "authorizationpolicies": "AuthorizationPolicy",
		"telemetry": "Telemetry", "all": "", "": "",
	} {
		if got, err := kindOf(word); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", word, got, err, want)
		}
	}
	if _, err := kindOf("pod"); err == nil || !strings.Contains(err.Error(), "grpcroute") {
		t.Errorf("pod: %v, want an error that lists what there is", err)
	}
}

// TestStatusOfARoute is what is applied again without harm: an older status gives way.
func TestStatusOfARoute(t *testing.T) {
	r := mesh.Resource{
		Kind: "HTTPRoute", Manifest: "kind: HTTPRoute\nstatus:\n  parents:\n  - old: true\n\n- old\nspec: {rules: []}\n",
		Status: &mesh.RouteStatus{Parents: []mesh.RouteParentStatus{{ControllerName: "c", Conditions: []mesh.RouteCondition{{Type: "Accepted", Status: "True"}}}}},
	}
	got, err := withStatus(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, "kind: HTTPRoute\nspec: {rules: []}\nstatus:\n  parents:\n") || strings.Contains(got, "old") || !strings.Contains(got, "type: Accepted") {
		t.Errorf("got\n%s", got)
	}
}
