package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

func TestAboutListsWhatMayConcernAService(t *testing.T) {
	manifest := func(kind, api, metadata, spec string) mesh.Resource {
		r := mesh.Resource{Manifest: "apiVersion: " + api + "\nkind: " + kind + "\nmetadata: {" + metadata + "}\nspec: " + spec + "\n", Kind: kind, Namespace: "default"}
		for part := range strings.SplitSeq(metadata, ", ") {
			if name, ok := strings.CutPrefix(part, "name: "); ok {
				r.Name = name
			}
			if namespace, ok := strings.CutPrefix(part, "namespace: "); ok {
				r.Namespace = namespace
			}
		}
		return r
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
		if of, _ := about([]mesh.Resource{r}, "menu"); len(of) > 0 {
			got = append(got, i)
		}
	}
	if want := []int{0, 1, 2, 5}; !slices.Equal(got, want) {
		t.Errorf("of the resources %v are about menu, want %v", got, want)
	}
}

// TestDescribeSaysWhereARouteIsWritten: in which delegate, at which line, and who hands it on.
func TestDescribeSaysWhereARouteIsWritten(t *testing.T) {
	t.Parallel()
	resource := func(namespace, name, spec string) mesh.Resource {
		return mesh.Resource{
			Kind: "VirtualService", Namespace: namespace, Name: name,
			Manifest: "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec:\n" + spec,
		}
	}
	all := []mesh.Resource{
		resource("default", "menu", "  hosts: [menu]\n  http:\n  - match: [{uri: {prefix: /drinks}}]\n    name: drinks\n    delegate: {name: bar, namespace: kitchen}\n"+
			"  - match: [{uri: {prefix: /wine}}]\n    delegate: {name: cellar}\n  - route: [{destination: {host: menu}}]\n"),
		resource("kitchen", "bar", "  http:\n  # the strong ones\n  - match: [{uri: {prefix: /drinks/strong}}]\n    directResponse: {status: 403}\n  - name: soft\n    route: [{destination: {host: menu.default}}]\n"),
		resource("default", "waiter", "  hosts: [waiter]\n  http: [{route: [{destination: {host: waiter}}]}]\n"),
	}
	var d description
	d.Resources, d.Routes = about(all, "menu")
	if len(d.Resources) != 2 || d.Resources[1].Name != "bar" {
		t.Errorf("resources %+v, want menu and bar", d.Resources)
	}
	var out strings.Builder
	if err := (&globals{output: "text"}).print(&out, d, d.text); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "VirtualService/") {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
	}
	want := []string{
		"drinks VirtualService/kitchen/bar:7 VirtualService/default/menu:7",
		"drinks-soft VirtualService/kitchen/bar:9 VirtualService/default/menu:7",
		"- VirtualService/default/cellar is not there VirtualService/default/menu:10",
		"menu[2] VirtualService/default/menu:12 -",
	}
	if !slices.Equal(got, want) {
		t.Errorf("routes %q\nwant   %q", got, want)
	}
}

func TestDescribeSaysThatNobodyServes(t *testing.T) {
	t.Parallel()
	proxy := func(state mesh.InstanceState, connected bool) mesh.ProxyStatus {
		return mesh.ProxyStatus{Instance: mesh.Instance{ID: "web-1", State: state}, Connected: connected}
	}
	told := mesh.ProxyStatus{Instance: mesh.Instance{Origin: "file", State: mesh.Ready}}
	unknown := mesh.ProxyStatus{Instance: mesh.Instance{State: mesh.Ready}, Unknown: "control plane b does not answer"}
	away, starting, ready := proxy(mesh.Ready, false), proxy(mesh.Starting, true), proxy(mesh.Ready, true)
	for _, c := range []struct {
		of     []mesh.ProxyStatus
		health graph.Health
		want   string
	}{
		{[]mesh.ProxyStatus{away, ready}, graph.Healthy, "web: healthy, 0.0 requests/s"},
		{[]mesh.ProxyStatus{proxy(mesh.Caller, true)}, graph.Healthy, "web: healthy, 0.0"},
		{[]mesh.ProxyStatus{away, told}, graph.Healthy, "web: healthy, 0.0"},
		{[]mesh.ProxyStatus{unknown}, graph.Healthy, "web: healthy, 0.0"},
		{nil, graph.Healthy, "web: no instance is known, 0.0"},
		{[]mesh.ProxyStatus{away, away}, graph.Healthy, "web: no instance is connected, 0.0"},
		{[]mesh.ProxyStatus{away}, graph.Failing, "web: no instance is connected, failing, 0.0"},
		{
			[]mesh.ProxyStatus{away, starting, proxy(mesh.Draining, true), starting},
			graph.Idle,
			"web: no instance is ready (1 not connected, 2 starting, 1 draining), idle, 0.0",
		},
	} {
		d := description{Service: graph.Node{ID: "web", Health: c.health}, Instances: c.of}
		var out strings.Builder
		if err := (&globals{output: "text"}).print(&out, d, d.text); err != nil || !strings.HasPrefix(out.String(), c.want) {
			t.Errorf("%+v: %v, described as %q, want %q first", c.of, err, out.String(), c.want)
		}
	}
}
