package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
)

const toParcels = "route: [{destination: {host: parcels}}]"

// virtual is a VirtualService of a name, "namespace/name" or only that.
func virtual(name, spec string) string {
	namespace, name, ok := strings.Cut(name, "/")
	if !ok {
		namespace, name = "default", namespace
	}
	return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: " + spec + "\n"
}

func root(http string) string { return virtual("root", "{hosts: [parcels], http: ["+http+"]}") }

func TestValidateDelegates(t *testing.T) {
	part := virtual("part", "{http: [{"+toParcels+"}]}")
	for name, tt := range map[string]struct{ manifest, want string }{
		"a delegate":               {root("{delegate: {name: part}}") + part, ""},
		"of a namespace":           {root("{delegate: {name: part, namespace: depot}}") + virtual("depot/part", "{http: [{route: [{destination: {host: parcels.default}}]}]}"), ""},
		"a namespace that has not": {root("{delegate: {name: part, namespace: depot}}, {" + toParcels + "}"), "warning spec.http[0].delegate: there is no VirtualService depot/part, so the route is left out"},
		"nobody delegates":         {part, "warning spec.hosts: is empty, which makes this a delegate, and no VirtualService delegates to it"},
		"nothing is named":         {root("{delegate: {}}"), "error spec.http[0].delegate.name: is missing"},
		"a delegate with hosts": {
			root("{delegate: {name: other}}") + virtual("other", "{hosts: [van], http: [{"+toParcels+"}]}"),
			"error spec.http[0].delegate: VirtualService default/other has hosts, so it holds for those and is no delegate",
		},
		"a delegate that delegates": {
			root("{delegate: {name: part}}") + virtual("part", "{http: [{delegate: {name: deeper}}]}") + virtual("deeper", "{http: [{"+toParcels+"}]}"),
			"error spec.http[0].delegate: a VirtualService that others delegate to cannot delegate in turn",
		},
		"a route beside it":    {root("{delegate: {name: part}, "+toParcels+"}") + part, "error spec.http[0].route: cannot stand beside delegate"},
		"a redirect beside it": {root("{delegate: {name: part}, redirect: {uri: /a}}") + part, "error spec.http[0].redirect: cannot stand beside delegate"},
		"gateways of a delegate": {
			root("{delegate: {name: part}}") + virtual("part", "{gateways: [mesh], http: [{"+toParcels+"}]}"),
			"error spec.gateways: is not for a VirtualService without hosts",
		},
		"streams of a delegate": {
			root("{delegate: {name: part}}") + virtual("part", "{tcp: [{"+toParcels+"}], http: [{"+toParcels+"}]}"),
			"error spec.tcp: is not for a VirtualService without hosts",
		},
		"no request in common": {
			root("{match: [{uri: {prefix: /a}}], delegate: {name: part}}") + virtual("part", "{http: [{match: [{uri: {prefix: /b}}], "+toParcels+"}, {"+toParcels+"}]}"),
			"warning spec.http[0].delegate: spec.http[0] of VirtualService default/part is left out",
		},
		"what one of two matches takes": {
			root("{match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], delegate: {name: part}}") + virtual("part", "{http: [{match: [{uri: {exact: /b/c}}], "+toParcels+"}]}"), "",
		},
	} {
		t.Run(name, func(t *testing.T) { wantFinding(t, tt.manifest, tt.want) })
	}
}

// TestConflicts holds matches of a delegate against one of who delegates, as Istio does.
func TestConflicts(t *testing.T) {
	for _, tt := range []struct {
		root, sub string
		conflict  bool
	}{
		{"uri: {exact: /a}", "uri: {exact: /a}", false},
		{"uri: {exact: /a}", "uri: {exact: /b}", true},
		{"uri: {exact: /a}", "uri: {prefix: /a}", true},
		{"uri: {prefix: /a}", "uri: {prefix: /a/b}", false},
		{"uri: {prefix: /a/b}", "uri: {prefix: /a}", true},
		{"uri: {prefix: /a}", "uri: {exact: /a/b}", false},
		{"uri: {prefix: /a}", "uri: {exact: /b}", true},
		{"uri: {regex: /a}", "uri: {regex: /a}", true},
		{"uri: {regex: /a}", "method: {exact: GET}", false},
		{"uri: {prefix: /a}", "uri: {regex: /a/.*}", true},
		{"uri: {prefix: /a}, ignoreUriCase: true", "uri: {prefix: /a/b}", true},
		{"method: {exact: GET}", "method: {exact: PUT}", true},
		{"headers: {x: {exact: a}}", "headers: {y: {exact: b}}", false},
		{"headers: {x: {exact: a}}", "headers: {x: {exact: b}}", true},
		{"headers: {x: {prefix: a}}", "headers: {x: {exact: ab}}", false},
		{"withoutHeaders: {x: {exact: a}}", "withoutHeaders: {x: {exact: b}}", true},
		{"queryParams: {x: {exact: a}}", "queryParams: {x: {exact: b}}", true},
		{"port: 80", "port: 81", true},
		{"port: 80", "uri: {prefix: /a}", false},
		{"sourceLabels: {app: a}", "sourceLabels: {app: b}", true},
		{"sourceLabels: {app: a}", "sourceLabels: {version: b}", false},
		{"sourceNamespace: a", "sourceNamespace: b", true},
	} {
		all := parse(t, root("{match: [{"+tt.root+"}], delegate: {name: part}}")+virtual("part", "{http: [{match: [{"+tt.sub+"}], "+toParcels+"}]}"))
		http := config.Delegated(all)[0].VirtualService.GetHttp()
		if got := len(http) == 1 && http[0].GetDirectResponse() != nil; got != tt.conflict {
			t.Errorf("%s and %s: conflict %v, want %v", tt.root, tt.sub, got, tt.conflict)
		}
	}
}

func TestDelegatedChangesNothing(t *testing.T) {
	all := parse(t, root("{name: r, match: [{uri: {prefix: /a}}], timeout: 1s, delegate: {name: part}}")+virtual("part", "{http: [{"+toParcels+"}]}"))
	before := all[0].VirtualService.String() + all[1].VirtualService.String()
	if got := config.Delegated(all); len(got) != 1 || got[0].VirtualService.GetHttp()[0].GetTimeout() == nil {
		t.Fatalf("%v", got)
	}
	if d := cmp.Diff(before, all[0].VirtualService.String()+all[1].VirtualService.String()); d != "" {
		t.Errorf("what was handed in changed:\n%s", d)
	}
}
