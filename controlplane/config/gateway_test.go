package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func gatewayRoute(kind, name, backends string) string {
	return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\n" +
		"spec: {parentRefs: [{group: '', kind: Service, name: parcels}], rules: [{backendRefs: [" + backends + "]}]}\n"
}

func TestValidateGatewayRoutes(t *testing.T) {
	const to = "{name: parcels, port: 80}"
	http := gatewayRoute("HTTPRoute", "web", to)
	tests := map[string]struct {
		manifest string
		want     []string // of each finding: severity and the beginning of its line
	}{
		"one":       {http, nil},
		"many":      {http + gatewayRoute("HTTPRoute", "web2", to), nil},
		"and Istio": {http + route(`[{route: [{destination: {host: parcels}}]}]`), []string{`error VirtualService default/parcels: spec.hosts[0]: "parcels" is already routed by HTTPRoute default/web; one`}},
		"and gRPC": {http + gatewayRoute("GRPCRoute", "calls", to), []string{
			"warning HTTPRoute default/web: spec.parentRefs[0]: takes no effect: GRPCRoute default/calls",
		}},
		"nobody": {gatewayRoute("HTTPRoute", "web", "{name: nobody, port: 80}, {group: x, kind: Y, name: z}"), []string{
			`warning HTTPRoute default/web: spec.rules[0].backendRefs[0]: there is no service "nobody": its share is answered with 500`,
			`warning HTTPRoute default/web: spec.rules[0].backendRefs[1]: Y of group "x" is no kind that the mesh sends to`,
		}},
		"nothing": {gatewayRoute("HTTPRoute", "web", ""), []string{"warning HTTPRoute default/web: spec.rules[0].backendRefs: names nothing"}},
		"no parent": {strings.Replace(http, "Service, name: parcels", "Service, name: nobody", 1), []string{
			`warning HTTPRoute default/web: spec.parentRefs[0]: no service "nobody" has joined yet`,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			findings := config.Validate(parse(t, tt.manifest), world())
			for i, f := range findings {
				line := f.Severity + " " + config.Line(f)
				if i < len(tt.want) && strings.HasPrefix(line, tt.want[i]) {
					line = tt.want[i]
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBackendsPort has to be one of the service's, where it has several.
func TestBackendsPort(t *testing.T) {
	w := config.NewWorld([]mesh.Instance{{Service: "parcels", AppPort: 8080, Ports: []mesh.Port{{Number: 8080}, {Number: 9090, Name: "grpc"}}}})
	for port, want := range map[string]string{
		"8080": "", "9090": "", "70": "70 is no port of parcels; it has 8080, 9090 (grpc): its share is answered with 500",
	} {
		all := parse(t, gatewayRoute("HTTPRoute", "web", "{name: parcels, port: "+port+"}"))
		found := config.Validate(all, w)
		refs := config.RouteStatus(all[0], all, w).Parents[0].Conditions[1]
		if want == "" && (len(found) > 0 || refs.Status != "True") {
			t.Errorf("port %s: %+v, %+v", port, found, refs)
		}
		if want != "" && (len(found) != 1 || found[0].Message != want || found[0].Path != "spec.rules[0].backendRefs[0]" || refs.Reason != "BackendNotFound") {
			t.Errorf("port %s: %+v, %+v", port, found, refs)
		}
	}
}

func TestRouteStatus(t *testing.T) {
	const good, bad = "{name: parcels, port: 80}", "{name: nobody, port: 80}"
	tests := map[string]struct {
		manifest string
		want     string // of the first object
	}{
		"fine":       {gatewayRoute("HTTPRoute", "web", good), "Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs"},
		"no backend": {gatewayRoute("HTTPRoute", "web", bad), "Accepted=True/Accepted ResolvedRefs=False/BackendNotFound"},
		"other kind": {gatewayRoute("HTTPRoute", "web", "{kind: Y, name: z}, "+bad), "Accepted=True/Accepted ResolvedRefs=False/InvalidKind"},
		"conflict": {
			gatewayRoute("HTTPRoute", "web", good) + gatewayRoute("GRPCRoute", "calls", good),
			"Accepted=False/Conflicted ResolvedRefs=True/ResolvedRefs",
		},
		"gRPC on one port": {
			gatewayRoute("HTTPRoute", "web", good) + strings.Replace(gatewayRoute("GRPCRoute", "calls", good), "name: parcels}]", "name: parcels, port: 80}]", 1),
			"Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs",
		},
		"of gRPC": {
			gatewayRoute("GRPCRoute", "calls", good) + gatewayRoute("HTTPRoute", "web", good),
			"Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			all := parse(t, tt.manifest)
			status := config.RouteStatus(all[0], all, world())
			var got []string
			for _, c := range status.Parents[0].Conditions {
				got = append(got, c.Type+"="+c.Status+"/"+c.Reason)
				if (c.Status == "False") != (c.Message != "") {
					t.Errorf("%s has the message %q", c.Type, c.Message)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
			if d := cmp.Diff(mesh.RouteParent{Kind: "Service", Namespace: "default", Name: "parcels"}, status.Parents[0].ParentRef); d != "" {
				t.Error(d)
			}
		})
	}
}
