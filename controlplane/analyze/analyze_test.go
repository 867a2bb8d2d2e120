package analyze_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

var update = flag.Bool("update", false, "write CODES.md anew")

// world runs parcels v1 and v2 and a desk with an identity, and knows van, which has no instance now.
func world() config.World {
	instance := func(v string) mesh.Instance {
		return mesh.Instance{Service: "parcels", Version: mesh.Version(v), Labels: map[string]string{"version": v, "app": "parcels"}}
	}
	desk := mesh.Instance{Service: "desk", Identity: "spiffe://mesh.local/ns/default/sa/desk"}
	return config.NewWorld([]mesh.Instance{instance("v1"), instance("v2"), desk}, "van")
}

const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: parcels}
spec:
  host: parcels
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`

// both uses the two subsets of rule.
const both = "route: [{destination: {host: parcels, subset: v1}, weight: 50}, {destination: {host: parcels, subset: v2}, weight: 50}]"

// all sends everything to parcels.
const all = "route: [{destination: {host: parcels}}]"

func object(kind, name, spec string) string {
	version := map[string]string{
		"VirtualService": "networking.istio.io/v1", "DestinationRule": "networking.istio.io/v1",
		"AuthorizationPolicy": "security.istio.io/v1", "HealthCheck": "sightline.dev/v1alpha1",
	}[kind]
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", version, kind, name, spec)
}

func routes(http ...string) string { return routesOf("parcels", http...) }

func routesOf(name string, http ...string) string {
	return object("VirtualService", name, "{hosts: [parcels], http: [{"+strings.Join(http, "}, {")+"}]}")
}

func policy(name, spec string) string { return object("AuthorizationPolicy", name, spec) }

// from allows one source.
func from(source string) string {
	return policy("p", "{rules: [{from: [{source: {"+source+"}}]}]}")
}

// cases has, for every code, a manifest that has it and one that is nearly the same and
// has not.
var cases = map[config.Code]struct{ bad, good string }{
	config.CodeUnreadable:  {"kind: [", routes(all)},
	config.CodeKind:        {"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {}\n", routes(all)},
	config.CodeField:       {routes("routes: []"), routes(all)},
	config.CodeUnsupported: {routes("match: [{statPrefix: x}], " + all), routes(all)},
	config.CodeValue:       {routes(all + ", timeout: soon"), routes(all + ", timeout: 1s")},
	config.CodeTwice:       {rule + "---\n" + rule, rule},
	config.CodeNoEffect:    {routes("match: [{uri: {regex: /a|/b}, ignoreUriCase: true}], " + all), routes("match: [{uri: {prefix: /a}, ignoreUriCase: true}], " + all)},

	config.CodeHost:         {routes("route: [{destination: {host: train}}]"), routes("route: [{destination: {host: van}}]")},
	config.CodeSubset:       {rule + routes("route: [{destination: {host: parcels, subset: v3}}]"), rule + routes(both)},
	config.CodeGateway:      {object("VirtualService", "parcels", "{hosts: [parcels], gateways: [edge], http: [{"+all+"}]}"), object("VirtualService", "parcels", "{hosts: [parcels], gateways: [mesh], http: [{"+all+"}]}")},
	config.CodeNoInstance:   {strings.ReplaceAll(rule, "version: v2", "version: v7") + routes(both), rule + routes(both)},
	config.CodeNobodysRule:  {strings.ReplaceAll(rule, "host: parcels", "host: train"), rule},
	config.CodeUnusedSubset: {rule + routes(all), rule + routes(both)},
	config.CodeSelector:     {policy("p", "{selector: {matchLabels: {app: train}}, rules: [{to: [{operation: {methods: [GET]}}]}]}"), policy("p", "{selector: {matchLabels: {app: parcels}}, rules: [{to: [{operation: {methods: [GET]}}]}]}")},

	config.CodeDelegate: {
		routes("delegate: {name: part}", all),
		routes("delegate: {name: part}", all) + object("VirtualService", "part", "{http: [{"+all+"}]}"),
	},
	config.CodeNoMember:   {workloads("app: train", "app: train2"), workloads("app: train", "app: train")},
	config.CodeUnselected: {workloads("app: parcels", "app: train"), workloads("app: train", "app: train")},

	config.CodeNoCaller:    {from("principals: [cluster.local/ns/default/sa/dsek]"), from("principals: [cluster.local/ns/default/sa/desk]")},
	config.CodeTrustDomain: {from("principals: [other.domain/ns/default/sa/desk]"), from("principals: [mesh.local/ns/default/sa/desk]")},

	config.CodeUnreachable: {
		routes("match: [{uri: {prefix: /a}}], "+all, "match: [{uri: {exact: /a/b}}, {uri: {prefix: /a/c}, method: {exact: GET}}], "+all, all),
		routes("match: [{uri: {prefix: /a}, headers: {x: {exact: y}}}], "+all, "match: [{uri: {exact: /a/b}}], "+all, all),
	},
	config.CodeUnreachableMatch: {
		routes("match: [{uri: {prefix: /a}}], "+all, "match: [{uri: {exact: /a/b}}, {uri: {exact: /b}}], "+all),
		routes("match: [{uri: {prefix: /a/}}], "+all, "match: [{uri: {exact: /a}}, {uri: {exact: /b}}], "+all),
	},
	config.CodeMayBeUnreachable: {
		routes("match: [{uri: {regex: '/v[12]/.*'}}], "+all, "match: [{uri: {prefix: /v1/}}], "+all),
		routes("match: [{uri: {regex: '/v[12]/[a-z]+'}}], "+all, "match: [{uri: {prefix: /v1/}}], "+all),
	},
	config.CodeRoutedTwice: {routes(all) + routesOf("other", all), routes(all)},
	config.CodeRuledTwice:  {rule + "---\n" + strings.Replace(rule, "name: parcels", "name: other", 1), rule},
	config.CodeNoWeight: {
		rule + routes(strings.ReplaceAll(both, "weight: 50", "weight: 0")),
		rule + routes(strings.Replace(both, "weight: 50", "weight: 0", 1)),
	},
	config.CodeWeightForgotten: {rule + routes(strings.Replace(both, ", weight: 50", "", 1)), rule + routes(strings.Replace(both, "weight: 50", "weight: 0", 1))},
	config.CodeWeightSum:       {rule + routes(strings.Replace(both, "weight: 50", "weight: 49", 1)), rule + routes(both)},
	config.CodeToItself: {
		routes("match: [{uri: {prefix: /old}}], redirect: {uri: /older}", all),
		routes("match: [{uri: {prefix: /old}}], redirect: {uri: /new}", all),
	},
	config.CodeTriesTooLong: {
		routes(all + ", timeout: 2s, retries: {attempts: 2, perTryTimeout: 2s}"),
		routes(all + ", timeout: 6s, retries: {attempts: 2, perTryTimeout: 2s}"),
	},
	config.CodeTriesCut: {
		routes(all + ", timeout: 4s, retries: {attempts: 2, perTryTimeout: 2s}"),
		routes(all + ", timeout: 5s, retries: {attempts: 2, perTryTimeout: 2s}"),
	},
	config.CodeFitsNothing: {routes("match: [{method: {exact: get}}], " + all), routes("match: [{method: {exact: GET}}], " + all)},

	config.CodeDeniesAll: {
		policy("p", "{action: DENY, rules: [{to: [{operation: {paths: ['*']}}]}]}"),
		policy("p", "{action: DENY, rules: [{to: [{operation: {paths: ['/admin*']}}]}]}"),
	},
	config.CodeDefaultDeny: {
		policy("nothing", "{}") + policy("get", "{rules: [{to: [{operation: {methods: [GET]}}]}]}"),
		policy("nothing", "{}"), // which denies everything, that is more
	},
	config.CodeIdlePolicy: {policy("p", "{action: DENY}"), policy("p", "{action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}")},
	config.CodeAllowsAll: {
		policy("all", "{rules: [{}]}") + policy("get", "{rules: [{to: [{operation: {methods: [GET]}}]}]}"),
		policy("all", "{rules: [{}]}"),
	},
	config.CodeClaimed: {
		policy("p", "{rules: [{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}]}"),
		policy("p", "{rules: [{from: [{source: {remoteIpBlocks: [10.0.0.0/8], namespaces: [default]}}]}]}"),
	},
	config.CodeNotTaken:    {takes("a", "STRICT") + called("DISABLE"), takes("a", "PERMISSIVE") + called("DISABLE")},
	config.CodePlainHTTPS:  {host443("HTTP"), host443("HTTPS")},
	config.CodeUnverified:  {host443("HTTPS") + tlsOut("{mode: SIMPLE, insecureSkipVerify: true}"), host443("HTTPS") + tlsOut("{mode: SIMPLE}")},
	config.CodePrincipal:   {from("principals: [desk]"), from("serviceAccounts: [desk]")},
	config.CodeTwoPolicies: {takes("a", "STRICT") + takes("b", "PERMISSIVE"), takes("a", "STRICT")},
}

// workloads are a Service that selects some labels, and a WorkloadEntry with some.
func workloads(selector, labels string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: train}\nspec: {selector: {" + selector + "}, ports: [{port: 80}]}\n---\n" +
		"apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w}\nspec: {address: 10.0.0.7, labels: {" + labels + "}}\n"
}

// takes is a PeerAuthentication of the default namespace.
func takes(name, mode string) string {
	return "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: " + name + "}\nspec: {mtls: {mode: " + mode + "}}\n---\n"
}

// host443 is a host outside whose port 443 is said to speak a protocol.
func host443(protocol string) string {
	return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: api}\nspec: {hosts: [api.example.com], resolution: DNS, ports: [{number: 443, name: a, protocol: " + protocol + "}]}\n---\n"
}

func tlsOut(tls string) string {
	return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: api}\nspec: {host: api.example.com, trafficPolicy: {tls: " + tls + "}}\n---\n"
}

func called(mode string) string {
	return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: parcels}\nspec: {host: parcels, trafficPolicy: {tls: {mode: " + mode + "}}}\n---\n"
}

func find(manifest string) []mesh.Finding {
	objects, bad := config.Read([]byte(manifest))
	return append(bad, analyze.Analyze(objects, world())...)
}

func has(findings []mesh.Finding, code config.Code) bool {
	return slices.ContainsFunc(findings, func(f mesh.Finding) bool { return f.Code == string(code) })
}

func TestEveryCode(t *testing.T) {
	for _, info := range config.Codes() {
		if info.Code == config.CodeStored { // which no manifest has: package resource tells of it
			continue
		}
		c, ok := cases[info.Code]
		if !ok {
			t.Errorf("%s has no case", info.Code)
			continue
		}
		bad := find(c.bad)
		if !has(bad, info.Code) {
			t.Errorf("%s is not found; found is %+v in\n%s", info.Code, bad, c.bad)
		}
		for _, f := range bad {
			if f.Line == 0 || f.Message == "" || f.Severity != config.Code(f.Code).Info().Severity {
				t.Errorf("%s: %+v wants a line, a message and the code's severity", info.Code, f)
			}
		}
		if good := find(c.good); has(good, info.Code) {
			t.Errorf("%s is found where it is not: %+v in\n%s", info.Code, good, c.good)
		}
	}
}

// TestFindings are the sorts of a code that the table above does not tell apart.
func TestFindings(t *testing.T) {
	deny := "action: DENY, rules: "
	for name, tt := range map[string]struct {
		manifest string
		want     []string
	}{
		"a rule behind one for everything": {
			routes("match: [{uri: {exact: /a}}], "+all, "match: [{uri: {prefix: /}}], "+all, all),
			[]string{"SL0201 5 spec.http[2]"},
		},
		"a rule that two earlier ones share": {
			routes("match: [{uri: {prefix: /a}}], "+all, "match: [{uri: {prefix: /b}}], "+all, "match: [{uri: {exact: /a}}, {uri: {exact: /b}}], "+all),
			[]string{"SL0201 5 spec.http[2]"},
		},
		"the same match twice": {
			routes("match: [{uri: {exact: /a}}, {uri: {exact: /a}}], " + all), []string{"SL0202 5 spec.http[0].match[1]"},
		},
		"a stream behind one for everything": {
			object("VirtualService", "parcels", "{hosts: [parcels], tcp: [{"+all+"}, {match: [{port: 5}], "+all+"}]}"),
			[]string{"SL0201 5 spec.tcp[1]"},
		},
		"callers of their own": {
			routes("match: [{sourceLabels: {app: web}}], "+all, "match: [{uri: {prefix: /}, sourceNamespace: shop}], "+all, all), nil,
		},
		"beta users, and the rest": {
			routes("match: [{headers: {x-user-group: {exact: beta}}}], "+all, all), nil,
		},
		"a header asked for and excluded": {
			routes("match: [{headers: {x: {exact: y}}, withoutHeaders: {x: {}}}], " + all), []string{`SL0212 5 spec.http[0].match[0].withoutHeaders["x"]`},
		},
		"a redirect of all that keeps the path": {
			routes("redirect: {authority: parcels}"), []string{"SL0209 5 spec.http[0].redirect"},
		},
		"a rule behind a delegate, which need not take all": {
			routes("delegate: {name: part}", all) + object("VirtualService", "part", "{http: [{match: [{uri: {prefix: /a}}], "+all+"}, {match: [{uri: {exact: /a/b}}], "+all+"}]}"),
			[]string{"SL0201 10 spec.http[1]"},
		},
		"a delegate behind a rule for everything": {
			routes(all, "match: [{uri: {prefix: /a}}], delegate: {name: part}") + object("VirtualService", "part", "{http: [{"+all+"}]}"),
			[]string{"SL0201 5 spec.http[1]"},
		},
		"a redirect to TLS":      {routes("redirect: {scheme: https}"), nil},
		"a redirect elsewhere":   {routes("redirect: {authority: example.org}"), nil},
		"a prefix put before":    {routes("match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /a/b}", all), []string{"SL0209 5 spec.http[0].redirect"}},
		"a prefix put in place":  {routes("match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}", all), nil},
		"a mirror to the route":  {routes(all + ", mirror: {host: parcels}"), []string{"SL0209 5 spec.http[0].mirror"}},
		"a mirror elsewhere":     {routes(all + ", mirrors: [{destination: {host: van}}]"), nil},
		"a try longer than all":  {routes(all + ", timeout: 1s, retries: {attempts: 0, perTryTimeout: 2s}"), []string{"SL0007 5 spec.http[0].retries.perTryTimeout"}},
		"no timeout":             {routes(all + ", timeout: 0s, retries: {attempts: 3, perTryTimeout: 2s}"), nil},
		"allows nothing":         {policy("p", "{}"), []string{"SL0301 5 spec"}},
		"a rehearsed denial":     {strings.Replace(policy("p", "{"+deny+"[{}]}"), "{name: p}", `{name: p, annotations: {istio.io/dry-run: "true"}}`, 1), nil},
		"a denial of everything": {policy("p", "{"+deny+"[{}]}"), []string{"SL0301 5 spec.rules[0]"}},
		"all paths but one":      {policy("p", "{"+deny+"[{to: [{operation: {paths: ['*'], notPaths: [/open]}}]}]}"), nil},
		"all callers without a certificate": {
			policy("p", "{"+deny+"[{from: [{source: {notPrincipals: ['*']}}]}]}"), nil,
		},
	} {
		var got []string
		for _, f := range find(tt.manifest) {
			got = append(got, fmt.Sprint(f.Code, " ", f.Line, " ", f.Path))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestFilesSayWhatWillRun(t *testing.T) {
	manifest := "# not the mesh's\napiVersion: v1\nkind: Service\nmetadata: {name: parcels}\nspec: {selector: {app: parcels}}\n---\n" +
		"apiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: shop}\nspec: {type: LoadBalancer}\n---\n" +
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p}\nspec: {selector: {matchLabels: {app: parcels}}, template: {metadata: {labels: {app: parcels, version: v1}}}}\n---\n" +
		rule + "---\napiVersion: v1\nkind: List\n---\nno: kind\n"
	f := analyze.ReadFiles([]byte(manifest))
	if got := fmt.Sprint(f.World.Services, f.World.Unseen, f.World.Unknown); got != "map[edge.shop:[] parcels:[map[app:parcels version:v1]]] map[edge.shop:true parcels:false] false" {
		t.Errorf("the world is %s", got)
	}
	if got := fmt.Sprint(f.Skipped); got != "[{Service shop/edge  7} {Deployment default/p  12}]" {
		t.Errorf("skipped %s", got)
	}
	_, bad := config.Read(f.Manifest)
	if len(bad) != 2 || bad[0].Line != 26 || bad[1].Line != 29 {
		t.Errorf("%+v, want the list and the document without a kind refused where they are", bad)
	}
	if f := analyze.ReadFiles([]byte(rule)); !f.World.Unknown {
		t.Error("files without a Service say nothing of what runs")
	}
}

func TestLines(t *testing.T) {
	manifest := `# a comment
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: train
spec:
  host: train
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: parcels
spec:
  hosts:
  - parcels
  http:
  - route: &to
    - destination:
        host: parcels
  - match:
    - headers:
        "x.y[0]":
          prefix: ""
    route: *to
---
kind: x
  y: z
`
	want := map[string]int{
		`spec.host`:    7,
		`spec.http[1]`: 20,
		`spec.http[1].match[0].headers["x.y[0]"]`:        22,
		`spec.http[1].match[0].headers["x.y[0]"].prefix`: 23,
		``: 27,
	}
	for _, f := range find(manifest) {
		if f.Line != want[f.Path] {
			t.Errorf("%s: line %d, want %d: %s", f.Path, f.Line, want[f.Path], f.Message)
		}
		if f.Path == "" && !strings.Contains(f.Message, "line 27") {
			t.Errorf("%q names another line than 27", f.Message)
		}
		delete(want, f.Path)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func TestOnlyWhatIsKnownIsHeldAgainstRoutes(t *testing.T) {
	objects, bad := config.Read([]byte(strings.ReplaceAll(rule+routes(both)+policy("p", "{selector: {matchLabels: {app: x}}, rules: [{to: [{operation: {methods: [GET]}}]}]}"), "parcels", "train")))
	if got := append(bad, analyze.Analyze(objects, config.World{Unknown: true})...); len(got) > 0 {
		t.Errorf("nothing is known of what runs, and yet: %+v", got)
	}
}

// TestDocs holds CODES.md against the codes; -update writes it.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What `sightline analyze` finds\n\nMade of the codes in `controlplane/config/code.go` by `go test ./controlplane/analyze -update`.\nErrors refuse a change; warnings and remarks (info) do not.\n\n| code | severity | what | what to do |\n|---|---|---|---|\n")
	for _, c := range config.Codes() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Code, c.Severity, c.Title, c.Help)
	}
	if *update {
		if err := os.WriteFile("CODES.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("CODES.md"); err != nil || string(got) != b.String() {
		t.Errorf("CODES.md does not say what the codes are (%v); run with -update", err)
	}
}

// FuzzReadFiles holds that what is left of a manifest keeps its lines.
func FuzzReadFiles(f *testing.F) {
	f.Add([]byte(rule + "---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, type: LoadBalancer}\n"))
	f.Add([]byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\n---\nkind: [\n"))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		before := bytes.Clone(manifest)
		files := analyze.ReadFiles(manifest)
		lines := bytes.Count(manifest, []byte("\n"))
		if got := bytes.Count(files.Manifest, []byte("\n")); got != lines || !bytes.Equal(manifest, before) {
			t.Errorf("%d lines of %d are left, or what was handed in is changed", got, lines)
		}
		for _, s := range files.Skipped {
			if s.Line < 1 || s.Line > lines+1 {
				t.Errorf("%+v is in no line", s)
			}
		}
	})
}
