package traffic

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/resource"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const route = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: 80
    - destination: {host: reviews, subset: v2}
      weight: 20
`

const subsets = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
`

type weights = map[mesh.Version]uint32

// newShifter is one over a mesh with reviews v1 and v2 and the given manifest.
func newShifter(t *testing.T, manifest string) (*Shifter, *resource.Keeper) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	instances := func(context.Context) ([]mesh.Instance, error) {
		return []mesh.Instance{
			{ID: "a", Service: "reviews", Version: "v2", Labels: map[string]string{"version": "v2"}},
			{ID: "b", Service: "reviews", Version: "v1", Labels: map[string]string{"version": "v1"}},
			{ID: "c", Service: "reviews", Version: "v1", Labels: map[string]string{"version": "v1"}},
			{ID: "d", Service: "ratings", Version: "v7"},
		}, nil
	}
	keeper := resource.New(resource.Deps{Store: s, Events: event.New(s, nil), Instances: instances})
	if manifest != "" {
		put(t, keeper, manifest)
	}
	return New(Deps{Store: s, Resources: keeper, Instances: instances}), keeper
}

func put(t *testing.T, k *resource.Keeper, manifest string) {
	t.Helper()
	if findings, err := k.Apply(t.Context(), []byte(manifest), "ada", false); err != nil {
		t.Fatalf("%v %+v", err, findings)
	}
}

func set(t *testing.T, s *Shifter, w weights) mesh.Traffic {
	t.Helper()
	got, err := s.SetTraffic(t.Context(), "reviews", w, "ada")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTrafficIsWhatTheRouteSays(t *testing.T) {
	s, _ := newShifter(t, subsets+"---\n"+route)
	got, err := s.Traffic(t.Context(), "reviews")
	if err != nil {
		t.Fatal(err)
	}
	want := mesh.Traffic{
		Service: "reviews", Weights: weights{"v1": 80, "v2": 20}, Versions: []mesh.Version{"v1", "v2"},
		Source: "VirtualService default/reviews", Manifest: got.Manifest,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUndoGoesBackStepByStep(t *testing.T) {
	s, _ := newShifter(t, subsets+"---\n"+route)
	first, err := s.Traffic(t.Context(), "reviews")
	if err != nil {
		t.Fatal(err)
	}
	set(t, s, weights{"v1": 50, "v2": 50})
	set(t, s, weights{"v1": 50, "v2": 50}) // changes nothing, so there is nothing to take back
	set(t, s, weights{"v2": 100})
	for _, want := range []weights{{"v1": 50, "v2": 50}, {"v1": 80, "v2": 20}} {
		got, err := s.UndoTraffic(t.Context(), "reviews", "ada")
		if diff := cmp.Diff(want, got.Weights); err != nil || diff != "" {
			t.Fatalf("undo: %v %s", err, diff)
		}
	}
	last, err := s.Traffic(t.Context(), "reviews")
	if err != nil || last.Manifest != first.Manifest {
		t.Errorf("manifest after all was taken back: %v, %s", err, cmp.Diff(first.Manifest, last.Manifest))
	}
	if _, err := s.UndoTraffic(t.Context(), "reviews", "ada"); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("got %v, want ErrNothingToUndo", err)
	}
}

// TestAShiftIsOneEvent, also where it has to make the route and the subsets.
func TestAShiftIsOneEvent(t *testing.T) {
	for _, c := range []struct{ name, manifest, resource string }{
		{"route and subsets", subsets + "---\n" + route, "VirtualService default/reviews"},
		{"no configuration", "", "DestinationRule default/reviews, VirtualService default/reviews"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := newShifter(t, c.manifest)
			set(t, s, weights{"v1": 60, "v2": 40})
			got := told(t, s)
			want := []mesh.Event{{
				Kind: mesh.EventTraffic, Target: mesh.Target{Service: "reviews"}, By: "ada",
				Summary: "traffic of reviews set to v1=60 v2=40",
			}}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(mesh.Event{}, "ID", "Time", "Detail")); diff != "" {
				t.Fatal(diff)
			}
			detail := got[0].Detail
			if detail["resource"] != c.resource || !strings.Contains(detail["after"], "weight: 60") {
				t.Errorf("detail %v, want %s before and after", detail, c.resource)
			}
			if _, err := s.UndoTraffic(t.Context(), "reviews", "ada"); err != nil {
				t.Fatal(err)
			}
			if n := len(told(t, s)); n != 2 {
				t.Errorf("%d events after an undo, want one more", n)
			}
		})
	}
}

// told is what the timeline says of traffic, newest first.
func told(t *testing.T, s *Shifter) []mesh.Event {
	t.Helper()
	events, err := event.New(s.deps.Store, nil).List(t.Context(), event.Query{Kind: mesh.EventTraffic})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestUndoKeepsLaterEdits(t *testing.T) {
	s, keeper := newShifter(t, subsets+"---\n"+route)
	edited := set(t, s, weights{"v1": 10, "v2": 90}).Manifest
	put(t, keeper, strings.Replace(edited, "spec:", "# mind the gap\nspec:", 1))
	got, err := s.UndoTraffic(t.Context(), "reviews", "ada")
	if err != nil || got.Weights["v1"] != 80 || !strings.Contains(got.Manifest, "mind the gap") {
		t.Errorf("got %+v, %v, want the weights of before and the edit", got, err)
	}
}

func TestUndoOfAnEditedFirstShiftIsRefused(t *testing.T) {
	s, keeper := newShifter(t, "")
	made := set(t, s, weights{"v1": 10, "v2": 90}).Manifest
	put(t, keeper, strings.Replace(made, "spec:", "# mine now\nspec:", 1))
	if _, err := s.UndoTraffic(t.Context(), "reviews", "ada"); !errors.Is(err, resource.ErrRefused) {
		t.Errorf("got %v, want ErrRefused: the edit would be lost", err)
	}
}

func TestStepsAreBounded(t *testing.T) {
	s, _ := newShifter(t, subsets+"---\n"+route)
	for i := range uint32(kept + 5) {
		set(t, s, weights{"v1": i + 1, "v2": 200})
	}
	undone := 0
	for {
		if _, err := s.UndoTraffic(t.Context(), "reviews", "ada"); err != nil {
			break
		}
		undone++
	}
	if undone != kept {
		t.Errorf("took %d steps back, want %d", undone, kept)
	}
}

func TestWeightsThatAreRefused(t *testing.T) {
	s, _ := newShifter(t, subsets+"---\n"+route)
	for name, w := range map[string]weights{"none": nil, "all 0": {"v1": 0}} {
		if got, err := s.SetTraffic(t.Context(), "reviews", w, "ada"); !errors.Is(err, resource.ErrRefused) {
			t.Errorf("%s: got %+v, %v, want ErrRefused", name, got, err)
		}
	}
}

func TestShareWithoutInstancesIsRefused(t *testing.T) {
	s, _ := newShifter(t, subsets+"---\n"+route)
	_, err := s.SetTraffic(t.Context(), "reviews", weights{"v1": 90, "v9": 10}, "ada")
	if !errors.Is(err, resource.ErrRefused) || !strings.Contains(err.Error(), `"v9"`) || !strings.Contains(err.Error(), "v1 or v2") {
		t.Errorf("weight for v9: %v, want a refusal that names it and what there is", err)
	}
	if got := set(t, s, weights{"v1": 100, "v9": 0}); got.Weights["v1"] != 100 {
		t.Errorf("weight 0 for v9: %+v, want it taken", got.Weights)
	}
}
