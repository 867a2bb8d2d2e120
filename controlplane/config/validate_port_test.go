package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestPortsAreThoseThatThereAre(t *testing.T) {
	world := config.NewWorld([]mesh.Instance{
		{ID: "a", Service: "hello", Labels: map[string]string{"app": "hello"}, AppPort: 8080, Ports: []mesh.Port{{Number: 8080}, {Number: 9090, Name: "grpc-api"}}},
		{ID: "b", Service: "lone", AppPort: 7070}, // of a sidecar that knows of one port
		{ID: "c", Service: "caller"},
	})
	const virtual, rule = "VirtualService", "DestinationRule"
	for _, c := range []struct {
		kind, spec string
		want       string // "" is no finding
	}{
		{virtual, `{hosts: [hello], http: [{route: [{destination: {host: hello, port: {number: 9090}}}]}]}`, ""},
		{
			virtual, `{hosts: [hello], http: [{route: [{destination: {host: hello, port: {number: 9091}}}]}]}`,
			"error spec.http[0].route[0].destination.port.number: 9091 is no port of hello; it has 8080, 9090 (grpc-api)",
		},
		{
			virtual, `{hosts: [hello], http: [{route: [{destination: {host: hello, port: {}}}]}]}`,
			"error spec.http[0].route[0].destination.port.number: is missing; want the number of a port of hello",
		},
		{
			virtual, `{hosts: [hello], http: [{route: [{destination: {host: hello, port: {number: 99999}}}]}]}`,
			"error spec.http[0].route[0].destination.port.number: 99999 is not a port; want 1 to 65535",
		},
		{
			virtual, `{hosts: [hello], http: [{route: [{destination: {host: lone, port: {number: 80}}}]}]}`,
			"error spec.http[0].route[0].destination.port.number: 80 is no port of lone; it has 7070",
		},
		{virtual, `{hosts: [hello], http: [{route: [{destination: {host: caller, port: {number: 80}}}]}]}`, ""}, // nobody has said
		{
			virtual, `{hosts: [hello], http: [{route: [{destination: {host: hello}}], mirror: {host: hello, port: {number: 1}}}]}`,
			"error spec.http[0].mirror.port.number: 1 is no port of hello; it has 8080, 9090 (grpc-api)",
		},
		{
			virtual, `{hosts: [hello], tcp: [{match: [{port: 1}], route: [{destination: {host: hello}}]}]}`,
			"error spec.tcp[0].match[0].port: 1 is no port of hello; it has 8080, 9090 (grpc-api)",
		},
		{virtual, `{hosts: [hello], http: [{match: [{port: 9090}, {port: 80}], route: [{destination: {host: hello}}]}]}`, ""},
		{virtual, `{hosts: [lone], http: [{match: [{port: 1}], route: [{destination: {host: lone}}]}]}`, ""}, // it answers on any
		{rule, `{host: hello, trafficPolicy: {portLevelSettings: [{port: {number: 9090}, tls: {mode: ISTIO_MUTUAL}}]}}`, ""},
		{
			rule, `{host: hello, trafficPolicy: {portLevelSettings: [{port: {number: 1}, loadBalancer: {simple: RANDOM}}]}}`,
			"error spec.trafficPolicy.portLevelSettings[0].port.number: 1 is no port of hello; it has 8080, 9090 (grpc-api)",
		},
		{
			rule, `{host: hello, trafficPolicy: {portLevelSettings: [{port: {number: 9090}}, {port: {number: 9090}}]}}`,
			"error spec.trafficPolicy.portLevelSettings[1].port.number: 9090 is there twice",
		},
		{
			rule, `{host: hello, trafficPolicy: {portLevelSettings: [{port: {number: 9090}, connectionPool: {http: {maxRetries: -1}}}]}}`,
			"error spec.trafficPolicy.portLevelSettings[0].connectionPool.http.maxRetries: -1 is below 0; leave it out for no limit",
		},
		{
			rule, `{host: hello, subsets: [{name: all, trafficPolicy: {portLevelSettings: [{loadBalancer: {simple: RANDOM}}]}}]}`,
			"error spec.subsets[0].trafficPolicy.portLevelSettings[0].port.number: is missing; want the number of a port of hello",
		},
		{"AuthorizationPolicy", `{selector: {matchLabels: {app: hello}}, action: DENY, rules: [{to: [{operation: {ports: ["9090"]}}]}]}`, ""},
		{
			"AuthorizationPolicy", `{selector: {matchLabels: {app: hello}}, action: DENY, rules: [{to: [{operation: {ports: ["9091"]}}]}]}`,
			"warning spec.rules[0].to[0].operation.ports[0]: 9091 is no port of a workload that is selected; they have 8080, 9090 (grpc-api)",
		},
		{"HealthCheck", `{service: hello, port: 9091, tcp: {}}`, "error spec.port: 9091 is no port of hello; it has 8080, 9090 (grpc-api)"},
	} {
		version := map[string]string{"AuthorizationPolicy": "security.istio.io/v1", "HealthCheck": "sightline.dev/v1alpha1"}[c.kind]
		if version == "" {
			version = "networking.istio.io/v1"
		}
		objs, err := config.Parse([]byte("apiVersion: " + version + "\nkind: " + c.kind + "\nmetadata: {name: hello}\nspec: " + c.spec))
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		var got []string
		for _, f := range config.Validate(objs, world) {
			got = append(got, f.Severity+" "+f.Path+": "+f.Message)
		}
		if text := strings.Join(got, "\n"); text != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.spec, text, c.want)
		}
	}
}

func TestFieldsBelowAPort(t *testing.T) {
	for _, setting := range []string{`retryBudget: {percent: {value: 3}}`, `loadBalancer: {slowStart: 3}`, `port: {name: http}`} {
		_, err := config.Parse([]byte("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: hello}\nspec: {host: hello, trafficPolicy: {portLevelSettings: [{" + setting + "}]}}"))
		if err == nil || !strings.Contains(err.Error(), "portLevelSettings[0]") {
			t.Errorf("%s: %v, want it refused by name", setting, err)
		}
	}
}
