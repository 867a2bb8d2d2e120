package config_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// world runs parcels v1 and v2, and knows van, which has no instance now.
func world() config.World {
	instance := func(v string) mesh.Instance {
		return mesh.Instance{Service: "parcels", Version: mesh.Version(v), Labels: map[string]string{"version": v}}
	}
	return config.NewWorld([]mesh.Instance{instance("v2"), instance("v1")}, "van")
}

const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: parcels}
spec:
  host: parcels
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`

func route(http string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: parcels}\nspec:\n  hosts: [parcels]\n  http: " + http + "\n"
}

func slo(target, ratio string) string {
	return "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {name: s}\nspec:\n  service: parcels\n  timeWindow: [{duration: 30d}]\n" +
		"  objectives: [{target: " + target + "}]\n  indicator: {spec: {ratioMetric: {" + ratio + "}}}\n"
}

// policyOf is the rule with a policy.
func policyOf(policy string) string {
	if !strings.HasPrefix(policy, "{") {
		policy = "{" + policy + "}"
	}
	return strings.Replace(rule, "host: parcels", "host: parcels\n  trafficPolicy: "+policy, 1)
}

func healthCheck(name, spec string) string {
	return "---\napiVersion: sightline.dev/v1alpha1\nkind: HealthCheck\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func query(name, text string) string {
	return name + `: {metricSource: {type: Prometheus, spec: {query: '` + text + `'}}}`
}

func TestValidate(t *testing.T) {
	const all = `[{route: [{destination: {host: parcels}}]}]`
	tests := []struct {
		name     string
		manifest string
		want     []string // of each finding, in order: severity and the beginning of its line
	}{
		{"nothing to say", rule + route(`[{route: [{destination: {host: parcels, subset: v1}, weight: 90}, {destination: {host: parcels, subset: v2}, weight: 10}]}]`), nil},
		{"the world's names", route(`[{route: [{destination: {host: parcels.default.svc.cluster.local}}]}]`), nil},
		{
			"unknown subset", rule + route(`[{route: [{destination: {host: parcels, subset: v9}}]}]`),
			[]string{`error VirtualService default/parcels: spec.http[0].route[0].destination.subset: "v9" is unknown: DestinationRule default/parcels defines v1, v2`},
		},
		{
			"subset without a rule", route(`[{route: [{destination: {host: parcels, subset: v1}}]}]`),
			[]string{`error VirtualService default/parcels: spec.http[0].route[0].destination.subset: "v1" is unknown: parcels has no DestinationRule`},
		},
		{
			"subset nobody serves", strings.ReplaceAll(rule, "version: v2", "version: v7") + route(`[{route: [{destination: {host: parcels, subset: v2}}]}]`),
			[]string{
				`warning DestinationRule default/parcels: spec.subsets[1].labels: {"version":"v7"} fits no running instance of parcels (its versions are v1, v2)`,
				`warning VirtualService default/parcels: spec.http[0].route[0].destination.subset: "v2" has no running instance`,
			},
		},
		{
			"unknown destination", route(`[{route: [{destination: {host: train}}]}]`),
			[]string{`warning VirtualService default/parcels: spec.http[0].route[0].destination.host: no service "train" has joined yet`},
		},
		{"registered without an instance", route(`[{route: [{destination: {host: van}}]}]`), nil},
		{
			"no host", route(`[{route: [{weight: 3}]}]`),
			[]string{`error VirtualService default/parcels: spec.http[0].route[0].destination.host: is missing`},
		},
		{
			"bad hosts", strings.Replace(route(all), "hosts: [parcels]", `hosts: ["*", "10.0.0.7", "x_y"]`, 1),
			[]string{`error VirtualService default/parcels: spec.hosts[0]: host "*": wildcards are not supported`, `error VirtualService default/parcels: spec.hosts[1]: host "10.0.0.7"`, `error VirtualService default/parcels: spec.hosts[2]: host "x_y"`},
		},
		{
			"no routes", strings.Replace(route(`[]`), "hosts: [parcels]", `hosts: []`, 1),
			[]string{`warning VirtualService default/parcels: spec.hosts: is empty, which makes this a delegate`, `error VirtualService default/parcels: spec.http: is empty`},
		},
		{"no destination", route(`[{route: []}]`), []string{`error VirtualService default/parcels: spec.http[0].route: is empty`}},
		{
			"weights", rule + route(`[{route: [{destination: {host: parcels, subset: v1}, weight: 0}, {destination: {host: parcels, subset: v2}}]}]`),
			[]string{`error VirtualService default/parcels: spec.http[0].route: the weights sum to 0`},
		},
		{
			"negative weight", rule + route(`[{route: [{destination: {host: parcels, subset: v1}, weight: -1}, {destination: {host: parcels, subset: v2}, weight: 2}]}]`),
			[]string{`error VirtualService default/parcels: spec.http[0].route[0].weight: -1 is below 0`},
		},
		{
			"two routes for one host", route(all) + strings.Replace(route(all), "name: parcels", "name: parcels-2", 1),
			[]string{`error VirtualService default/parcels-2: spec.hosts[0]: "parcels" is already routed by VirtualService default/parcels`},
		},
		{
			"two rules for one host", rule + "---" + strings.Replace(rule, "name: parcels", "name: other", 1),
			[]string{`error DestinationRule default/parcels: spec.host: "parcels" already has DestinationRule default/other`},
		},
		{
			"bad matches", route(`[{match: [{uri: {regex: "(["}, headers: {uri: {}, "a b": {exact: x}, X-A: {}, x-a: {}}, method: {}}, {uri: {prefix: ""}}], route: [{destination: {host: parcels}}]}]`),
			[]string{
				`error VirtualService default/parcels: spec.http[0].match[0].uri.regex: "([" is not a regular expression (RE2)`,
				`error VirtualService default/parcels: spec.http[0].match[0].method: is empty; want exact, prefix or regex`,
				`error VirtualService default/parcels: spec.http[0].match[0].headers["a b"]: "a b" is not the name of a header`,
				`error VirtualService default/parcels: spec.http[0].match[0].headers["uri"]: "uri" is not a header`,
				`error VirtualService default/parcels: spec.http[0].match[0].headers["x-a"]: "x-a" is there twice`,
				`error VirtualService default/parcels: spec.http[0].match[1].uri.prefix: is empty`,
			},
		},
		{
			"durations and retries", route(`[{timeout: -1s, retries: {attempts: -2, perTryTimeout: 0s, retryOn: "5xx,503,envoy-ratelimited,sometimes,99,retriable-headers"}, route: [{destination: {host: parcels}}]}]`),
			[]string{
				`error VirtualService default/parcels: spec.http[0].timeout: -1s is not above 0`,
				`error VirtualService default/parcels: spec.http[0].retries.attempts: -2 is below 0`,
				`error VirtualService default/parcels: spec.http[0].retries.perTryTimeout: 0s is not above 0`,
				`error VirtualService default/parcels: spec.http[0].retries.retryOn: "sometimes" is not a condition`,
				`error VirtualService default/parcels: spec.http[0].retries.retryOn: "99" is not a condition`,
				`error VirtualService default/parcels: spec.http[0].retries.retryOn: "retriable-headers" is not supported: no field names the headers`,
			},
		},
		{"no timeout", route(`[{timeout: 0s, route: [{destination: {host: parcels}}]}]`), nil},
		{
			"policies", strings.Replace(rule, "host: parcels", `host: parcels
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: -1, connectTimeout: -1s}, http: {maxRetries: -5}}
    outlierDetection: {consecutive5xxErrors: 0, interval: 0s, baseEjectionTime: 1us, maxEjectionPercent: 101, minHealthPercent: -1, consecutiveLocalOriginFailures: 3, outlierDetectionHttpErrorCodes: [99]}`, 1),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.connectTimeout: -1s`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.maxConnections: -1 is below 0`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.http.maxRetries: -5`,
				`error DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.interval: 0s`,
				`error DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.baseEjectionTime: 1µs is below 1ms`,
				`error DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.maxEjectionPercent: 101`,
				`error DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.minHealthPercent: -1`,
				`error DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[0]: 99`,
				`warning DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures: 3 has no effect without splitExternalLocalOriginErrors: true`,
				`warning DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.consecutive5xxErrors: 0, and no other reason is set`,
			},
		},
		{
			"gateway errors that cannot matter", policyOf(`outlierDetection: {consecutiveGatewayErrors: 5}`),
			[]string{`warning DestinationRule default/parcels: spec.trafficPolicy.outlierDetection.consecutiveGatewayErrors: 5 has no effect: consecutive5xxErrors is 5`},
		},
		{"gateway errors", policyOf(`outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 5}`), nil},
		{
			"connections", policyOf(`connectionPool: {tcp: {maxConnectionDuration: 0s, idleTimeout: -1s, tcpKeepalive: {time: 1500ms, interval: 0s, probes: 200}}, http: {idleTimeout: -1s, maxRequestsPerConnection: -1, maxConcurrentStreams: -2}}`),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.maxConnectionDuration: 0s`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.idleTimeout: -1s`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.http.idleTimeout: -1s`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.tcpKeepalive.time: 1.5s is not a whole number of seconds`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.tcpKeepalive.interval: 0s`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.tcp.tcpKeepalive.probes: 200`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.http.maxRequestsPerConnection: -1`,
				`error DestinationRule default/parcels: spec.trafficPolicy.connectionPool.http.maxConcurrentStreams: -2`,
			},
		},
		{
			"retry budget", policyOf(`{retryBudget: {percent: 120, budgetInterval: -1s}, connectionPool: {http: {maxRetries: 3}}}`),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.retryBudget.percent: 120`,
				`error DestinationRule default/parcels: spec.trafficPolicy.retryBudget.budgetInterval: -1s`,
				`warning DestinationRule default/parcels: spec.trafficPolicy.connectionPool.http.maxRetries: 3 has no effect beside a retryBudget`,
			},
		},
		{"hash keys", policyOf(`loadBalancer: {consistentHash: {httpHeaderName: x-user, ringHash: {minimumRingSize: 2048}}}`), nil},
		{
			"no hash key", policyOf(`loadBalancer: {consistentHash: {maglev: {tableSize: 65536}}}`),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash: says nothing to tell requests apart by`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize: 65536 is not a prime`,
			},
		},
		{
			"hash cookie", policyOf(`loadBalancer: {consistentHash: {httpCookie: {name: "a b", path: "/;", attributes: [{name: SameSite, value: "a;b"}]}, minimumRingSize: 9000000}}`),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.name: "a b"`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.path: "/;"`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[0]`,
				`warning DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.ttl: is missing`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.consistentHash: a ring of 9000000 points`,
			},
		},
		{
			"warm-up", policyOf(`loadBalancer: {consistentHash: {useSourceIp: true}, warmup: {minimumPercent: 101, aggression: 0}}`),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.warmup.duration: is missing`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.warmup.minimumPercent: 101`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.warmup.aggression: 0 is not above 0`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.warmup: has no meaning with consistentHash`,
			},
		},
		{
			"locality", policyOf(`loadBalancer: {localityLbSetting: {distribute: [{from: "eu//x", to: {"eu/*": 50, "*/a": 49}}], failover: [{from: eu, to: eu}, {from: us/a, to: eu}], failoverPriority: ["=x"]}}`),
			[]string{
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting: has more than one of`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].from: "eu//x"`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to: "*/a"`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to: the percentages sum to 99`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0]: "eu" cannot fail over to itself`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting.failover[1]: from "us/a"`,
				`error DestinationRule default/parcels: spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[0]: "=x"`,
			},
		},
		{
			"health checks", healthCheck("a", `{service: parcels, tcp: {}, interval: 1s, timeout: 2s}`) + healthCheck("b", `{service: parcels, tcp: {}}`) + healthCheck("c", `{service: train, grpc: {}}`),
			[]string{
				`warning HealthCheck default/a: spec.timeout: 2s is longer than the interval of 1s`,
				`error HealthCheck default/b: spec.service: "parcels" already has HealthCheck default/a`,
				`warning HealthCheck default/c: spec.service: no service "train" has joined yet`,
			},
		},
		{
			"subset names", strings.Replace(rule, "name: v2", "name: v1", 1) + "  - {}\n",
			[]string{`error DestinationRule default/parcels: spec.subsets[1].name: "v1" is there twice`, `error DestinationRule default/parcels: spec.subsets[2].name: is missing`},
		},
		{"a good objective", slo("0.99", query("good", "x[{{.window}}]")+", "+query("total", "y[{{.window}}]")), nil},
		{
			"a bad objective", slo("99", query("good", "x[5m]")+", "+query("bad", "x[{{.window}}]")),
			[]string{
				`error SLO default/s: spec.objectives[0].target: 99 is not a share between 0 and 1`,
				`error SLO default/s: spec.indicator.spec.ratioMetric: has both good and bad events`,
				`error SLO default/s: spec.indicator.spec.ratioMetric.good.metricSource.spec.query: "x[5m]" has no range; write [{{.window}}]`,
				`error SLO default/s: spec.indicator.spec.ratioMetric.total.metricSource.spec.query: is missing`,
			},
		},
		{
			"an objective of nobody", strings.Replace(slo("0.99", query("total", "y[{{.window}}]")), "service: parcels", "service: train", 1),
			[]string{`warning SLO default/s: spec.service: no service "train" has joined yet`, `error SLO default/s: spec.indicator.spec.ratioMetric: has neither good nor bad events`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := config.Validate(parse(t, tt.manifest), world())
			refused := false
			for i, f := range got {
				line := f.Severity + " " + config.Line(f)
				if i >= len(tt.want) || !strings.HasPrefix(line, tt.want[i]) {
					t.Errorf("finding %d: %s", i, line)
				}
				refused = refused || f.Severity == config.SeverityError
			}
			if len(got) != len(tt.want) {
				t.Errorf("%d findings, want %d", len(got), len(tt.want))
			}
			if config.Refused(got) != refused {
				t.Errorf("Refused = %v", !refused)
			}
		})
	}
}
