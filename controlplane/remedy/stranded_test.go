package remedy_test

import (
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
)

// TestStranded trips v2 of reviews only where every route has somebody left.
func TestStranded(t *testing.T) {
	to := func(subsets ...string) mesh.Route {
		r := mesh.Route{Name: "r"}
		for _, s := range subsets {
			name, zero := strings.CutSuffix(s, "=0")
			d := mesh.Destination{Service: "reviews", Subset: name, Weight: 50}
			if zero {
				d.Weight = 0
			}
			r.Destinations = append(r.Destinations, d)
		}
		return r
	}
	tests := []struct {
		name   string
		routes []mesh.Route
		trips  bool
	}{
		{"no routes", nil, true},
		{"a split", []mesh.Route{to("v1", "v2")}, true},
		{"all instances", []mesh.Route{to("")}, true},
		{"testers get v2 alone", []mesh.Route{to("v2"), to("v1")}, false},
		{"v1 without weight", []mesh.Route{to("v1=0", "v2")}, false},
		{"v2 without weight", []mesh.Route{to("v1", "v2=0")}, true},
		{"an unknown subset beside v2", []mesh.Route{to("v2", "v9")}, false},
		{"v1 alone", []mesh.Route{to("v1")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "reviews:v1/a", "reviews:v2/b")
			snap := mesh.Snapshot{Service: "reviews", Known: true, Routes: tt.routes}
			for _, i := range b.instances {
				i.Labels = map[string]string{"version": string(i.Version)}
				snap.Instances = append(snap.Instances, i)
				snap.Subsets = append(snap.Subsets, mesh.Subset{Name: string(i.Version), Labels: i.Labels})
			}
			b.snapshots = map[mesh.ServiceName]mesh.Snapshot{"reviews": snap}
			for range 3 {
				b.decide(remedy.Input{Looked: true, Seen: []mesh.Observation{bad("reviews:v2", 9, 20), fine("reviews:v1", 50)}})
			}
			if trips := len(b.state.Verdicts()) == 1; trips != tt.trips {
				t.Errorf("tripped: %v, want %v\n%s", trips, tt.trips, b.summaries())
			}
			if !tt.trips && !strings.Contains(b.summaries(), `left alone: route "r" of reviews would have no instance left`) {
				t.Errorf("events:\n%s", b.summaries())
			}
		})
	}
}
