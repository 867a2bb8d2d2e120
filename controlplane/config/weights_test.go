package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

type weights = map[mesh.Version]uint32

// replace puts edited objects in the place of those with the same key.
func replace(all, edited []config.Object) []config.Object {
	byKey := map[string]int{}
	for i, o := range all {
		byKey[o.Key()] = i
	}
	for _, o := range edited {
		if i, ok := byKey[o.Key()]; ok {
			all[i] = o
		} else {
			all = append(all, o)
		}
	}
	return all
}

func TestSetWeightsFromNothing(t *testing.T) {
	for _, s := range []mesh.ServiceName{"parcels", "parcels.depot"} {
		edited, err := config.SetWeights(nil, s, weights{"v1": 90, "v2": 10, "1.5": 0})
		if err != nil {
			t.Fatal(err)
		}
		if len(edited) != 2 {
			t.Fatalf("%d objects, want a DestinationRule and a VirtualService", len(edited))
		}
		for _, f := range config.Validate(edited, config.World{}) {
			if f.Severity == config.SeverityError {
				t.Error(config.Line(f))
			}
		}
		got := config.SplitOf(edited, s)
		if diff := cmp.Diff(weights{"v1": 90, "v2": 10, "1.5": 0}, got.Weights); diff != "" || got.Matches {
			t.Errorf("%s: SplitOf (-want +got):\n%s", s, diff)
		}
		if edited[0].Namespace != s.Namespace() || edited[1].Namespace != s.Namespace() {
			t.Errorf("namespaces %q and %q", edited[0].Namespace, edited[1].Namespace)
		}
	}
}

func TestSetWeightsKeepsTheRest(t *testing.T) {
	all := parse(t, `# who owns this
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: parcels
  labels: {team: blue} # paint
spec:
  hosts: [parcels]
  http:
  - match:
    - headers: {x-tester: {exact: "yes"}}
    route:
    - destination: {host: parcels, subset: new}
  # everyone else
  - timeout: 3s
    retries: {attempts: 2}
    route:
    - destination:
        host: parcels
        subset: old # since spring
      weight: 100
    - destination: {host: parcels, subset: gone}
      weight: 0
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rules}
spec:
  host: parcels.default.svc.cluster.local
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets:
  - {name: old, labels: {version: v1}}
  - {name: gone, labels: {version: v0}}
  - {name: new, labels: {version: v2, tier: a}} # not the version alone
`)
	before := string(all[0].Source)
	edited, err := config.SetWeights(all, "parcels", weights{"v1": 70, "v2": 30})
	if err != nil {
		t.Fatal(err)
	}
	if string(all[0].Source) != before {
		t.Error("the input was changed")
	}
	all = replace(all, edited)
	if len(all) != 2 {
		t.Fatalf("%d objects, want 2", len(all))
	}
	source := string(all[0].Source)
	for _, want := range []string{"# who owns this", "# paint", "# everyone else", "# since spring", "timeout: 3s", "attempts: 2", `x-tester`, "weight: 70", "weight: 30"} {
		if !strings.Contains(source, want) {
			t.Errorf("%q is gone from\n%s", want, source)
		}
	}
	if strings.Contains(source, "gone") {
		t.Errorf("a version without a weight stayed in\n%s", source)
	}
	for _, want := range []string{"RANDOM", "tier: a", "name: v2", "# not the version alone"} {
		if !strings.Contains(string(all[1].Source), want) {
			t.Errorf("%q is not in\n%s", want, all[1].Source)
		}
	}
	got := config.SplitOf(all, "parcels")
	if diff := cmp.Diff(weights{"v1": 70, "v2": 30}, got.Weights); diff != "" || !got.Matches {
		t.Errorf("SplitOf (-want +got), matches %v:\n%s", got.Matches, diff)
	}
}

func TestSetWeightsAddsARoute(t *testing.T) {
	all := parse(t, rule+route(`[{match: [{uri: {exact: /a}}], route: [{destination: {host: parcels, subset: v1}}]}]`))
	if got := config.SplitOf(all, "parcels"); len(got.Weights) != 0 || !got.Matches {
		t.Errorf("SplitOf before = %+v", got)
	}
	edited, err := config.SetWeights(all, "parcels", weights{"v2": 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(edited) != 1 || len(edited[0].VirtualService.GetHttp()) != 2 {
		t.Fatalf("edited %d objects", len(edited))
	}
	if diff := cmp.Diff(weights{"v2": 100}, config.SplitOf(replace(all, edited), "parcels").Weights); diff != "" {
		t.Errorf("SplitOf (-want +got):\n%s", diff)
	}
}

func TestSetWeightsRefuses(t *testing.T) {
	tests := []struct {
		name     string
		manifest string
		weights  weights
		want     string
	}{
		{"nothing", rule, weights{"v1": 0}, "they sum to 0"},
		{"no version", rule, weights{"": 3}, "a version has no name"},
		{"too much", rule, weights{"v1": 1 << 31}, "is not right; want a whole number"},
		{"other services", rule + route(`[{route: [{destination: {host: parcels}}, {destination: {host: van}, weight: 2}]}]`), weights{"v1": 1}, `sends a share to "van"`},
		{"a name taken", strings.Replace(rule, "{version: v2}", "{version: v2, tier: a}", 1), weights{"v2": 1}, `the subset "v2" of DestinationRule default/parcels does not stand for version "v2" alone`},
		{"a key taken", strings.Replace(rule, "host: parcels", "host: van", 1), weights{"v1": 1}, "DestinationRule default/parcels is about another host"},
		{"aliases", rule + route(`[{match: &m [{uri: {exact: /a}}], route: [{destination: {host: parcels, subset: v1}}]}, {match: *m, route: [{destination: {host: parcels}}]}]`), weights{"v1": 1}, "uses YAML aliases"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.SetWeights(parse(t, tt.manifest), "parcels", tt.weights)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("SetWeights = %v, want %q", err, tt.want)
			}
		})
	}
}
