package resource

import (
	"context"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestConditionsSaySinceWhen they are as they are, and of which version of the route.
func TestConditionsSaySinceWhen(t *testing.T) {
	k := newKeeper(t)
	clock := time.Unix(1_800_000_000, 0).UTC()
	k.now = func() time.Time { return clock }
	running := []mesh.Instance{{ID: "a", Service: "reviews"}}
	k.deps.Instances = func(context.Context) ([]mesh.Instance, error) { return running, nil }
	look := func() (accepted, refs mesh.RouteCondition, version uint64) {
		t.Helper()
		all, err := k.Resources(t.Context(), config.KindHTTPRoute)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		c := all[0].Status.Parents[0].Conditions
		return c[0], c[1], all[0].Version
	}
	apply(t, k, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{group: '', kind: Service, name: reviews}], rules: [{backendRefs: [{name: late, port: 80}]}]}\n")
	applied := clock
	for _, step := range []struct {
		after  time.Duration
		run    []mesh.Instance
		status string
		since  time.Time
	}{
		{time.Minute, running, "False", applied},
		{time.Minute, append(running, mesh.Instance{ID: "l", Service: "late"}), "True", applied.Add(2 * time.Minute)},
		{time.Minute, append(running, mesh.Instance{ID: "l", Service: "late"}), "True", applied.Add(2 * time.Minute)},
		{time.Minute, running, "False", applied.Add(4 * time.Minute)},
	} {
		clock, running = clock.Add(step.after), step.run
		accepted, refs, version := look()
		if refs.Status != step.status || !refs.LastTransitionTime.Equal(step.since) {
			t.Errorf("at %s: %+v, want %s since %s", clock, refs, step.status, step.since)
		}
		if accepted.Status != "True" || !accepted.LastTransitionTime.Equal(applied) || accepted.ObservedGeneration != int64(version) {
			t.Errorf("at %s: %+v of version %d", clock, accepted, version)
		}
	}
	if _, err := k.Delete(t.Context(), Ref{config.KindHTTPRoute, "default", "r"}, "ann"); err != nil {
		t.Fatal(err)
	}
	apply(t, k, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: s}\nspec: {parentRefs: [{group: '', kind: Service, name: reviews}], rules: [{backendRefs: [{name: reviews, port: 80}]}]}\n")
	if look(); len(k.standing.since) != 1 {
		t.Errorf("%d routes are remembered, of which there is one", len(k.standing.since))
	}
}
