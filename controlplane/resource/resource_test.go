package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

func newKeeper(t *testing.T) *Keeper {
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
	return New(Deps{Store: s, Events: event.New(s, nil), Instances: func(context.Context) ([]mesh.Instance, error) {
		return []mesh.Instance{{ID: "a", Service: "reviews", Version: "v1", Labels: map[string]string{"version": "v1"}}}, nil
	}})
}

func rule(name, host string, versions ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s}\nspec:\n  host: %s\n", name, host)
	for i, v := range versions {
		if i == 0 {
			b.WriteString("  subsets:\n")
		}
		fmt.Fprintf(&b, "  - {name: %s, labels: {version: %s}}\n", v, v)
	}
	return b.String()
}

func route(subset string) string {
	return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews}\nspec:\n  hosts: [reviews]\n  http:\n  - route:\n    - destination: {host: reviews, subset: %s}\n", subset)
}

func names(t *testing.T, k *Keeper) string {
	t.Helper()
	resources, err := k.Resources(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range resources {
		out = append(out, r.Kind+"/"+r.Name)
	}
	return strings.Join(out, " ")
}

func TestDryRunStoresNothing(t *testing.T) {
	k := newKeeper(t)
	if findings, err := k.Apply(t.Context(), []byte(rule("reviews", "reviews", "v1")), "ada", true); err != nil {
		t.Errorf("%v %+v", err, findings)
	}
	if got := names(t, k); got != "" {
		t.Errorf("stored %s", got)
	}
	if _, err := k.Apply(t.Context(), []byte(route("v9")), "ada", true); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v, want ErrRefused", err)
	}
}

func TestManifestIsOneChange(t *testing.T) {
	k := newKeeper(t)
	both := rule("reviews", "reviews", "v1") + "---\n" + route("v1")
	if findings, err := k.Apply(t.Context(), []byte(both), "ada", false); err != nil {
		t.Fatalf("%v %+v", err, findings)
	}
	resources, err := k.Resources(t.Context(), config.KindVirtualService)
	if err != nil || len(resources) != 1 || resources[0].Version == 0 || resources[0].By != "ada" || resources[0].Changed.IsZero() {
		t.Errorf("got %+v, %v", resources, err)
	}
	// Subset and route are renamed together: neither step alone would be valid.
	both = rule("reviews", "reviews", "v2") + "---\n" + route("v2")
	if findings, err := k.Apply(t.Context(), []byte(both), "ada", false); err != nil {
		t.Fatalf("%v %+v", err, findings)
	}
	findings, err := k.Apply(t.Context(), []byte(rule("reviews", "reviews", "v3")), "ada", false)
	if !errors.Is(err, ErrRefused) || len(findings) == 0 || !strings.Contains(err.Error(), "v2") {
		t.Errorf("taking a subset from under a route: got %v %+v, want a refusal that names it", err, findings)
	}
	objects, _, err := k.Objects(t.Context())
	if err != nil || len(objects) != 2 || !strings.Contains(string(objects[0].Source), "v2") {
		t.Errorf("what was there is not in force: %v, %v", objects, err)
	}
}

func TestWarningsAreKeptWithTheVersion(t *testing.T) {
	k := newKeeper(t)
	findings, err := k.Apply(t.Context(), []byte("# first\n---\n"+rule("reviews", "reviews", "v1", "v9")), "ada", false)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := k.Resources(t.Context(), "")
	if err != nil || len(resources) != 1 || len(resources[0].Findings) != 1 {
		t.Fatalf("%+v, %v; want one warning with it", resources, err)
	}
	kept := resources[0].Findings[0]
	if kept.Code != string(config.CodeNoInstance) || kept.Severity != config.SeverityWarning || kept.Line != 8 {
		t.Errorf("kept %+v, want SL0104 at line 8 of its manifest", kept)
	}
	if !slices.ContainsFunc(findings, func(f mesh.Finding) bool { return f.Code == kept.Code && f.Line == 10 }) {
		t.Errorf("found %+v, want SL0104 at line 10 of all that was applied", findings)
	}
	now, err := k.Analyze(t.Context())
	if err != nil || !slices.ContainsFunc(now, func(f mesh.Finding) bool { return f.Code == kept.Code && f.Line == 0 }) {
		t.Errorf("of what is stored: %+v, %v; want SL0104 without a line", now, err)
	}
}

func TestAnOldFaultDoesNotStopOtherChanges(t *testing.T) {
	k := newKeeper(t)
	if _, err := k.Apply(t.Context(), []byte(rule("reviews", "reviews", "v1")+"---\n"+route("v1")), "ada", false); err != nil {
		t.Fatal(err)
	}
	// As an older program, with other rules, might have left it.
	if err := k.deps.Store.Commit(t.Context(), nil, k.table.Delete("DestinationRule/default/reviews")); err != nil {
		t.Fatal(err)
	}
	if findings, err := k.Apply(t.Context(), []byte(rule("ratings", "ratings", "v1")), "ada", false); err != nil {
		t.Errorf("a change that has nothing to do with the fault: %v %+v", err, findings)
	}
	if _, err := k.Delete(t.Context(), Ref{"VirtualService", "default", "reviews"}, "ada"); err != nil {
		t.Errorf("a change that ends the fault: %v", err)
	}
	if got := names(t, k); got != "DestinationRule/ratings" {
		t.Errorf("stored %s", got)
	}
}

func TestChangesAtOnceAllArrive(t *testing.T) {
	k := newKeeper(t)
	var all sync.WaitGroup
	const n = 10
	for i := range n {
		all.Go(func() {
			name := fmt.Sprintf("s%d", i)
			if _, err := k.Apply(t.Context(), []byte(rule(name, name, "v1")), "ada", false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if resources, err := k.Resources(t.Context(), ""); err != nil || len(resources) != n {
		t.Errorf("%d resources, %v, want %d", len(resources), err, n)
	}
	events, err := k.deps.Events.List(t.Context(), event.Query{Kind: mesh.EventConfig})
	if err != nil || len(events) != n {
		t.Errorf("%d events, %v, want %d", len(events), err, n)
	}
}

func TestALongManifestIsCutInTheAudit(t *testing.T) {
	k := newKeeper(t)
	manifest := rule("reviews", "reviews", "v1") + strings.Repeat("# ä long comment\n", auditedBytes/8)
	if _, err := k.Apply(t.Context(), []byte(manifest), "ada", false); err != nil {
		t.Fatal(err)
	}
	events, err := k.deps.Events.List(t.Context(), event.Query{})
	if err != nil || len(events) != 1 || len(events[0].Detail["after"]) > auditedBytes+16 {
		t.Errorf("audit of %d bytes, %v", len(events[0].Detail["after"]), err)
	}
	resources, err := k.Resources(t.Context(), "")
	if err != nil || resources[0].Manifest != manifest {
		t.Errorf("the stored manifest was cut, %v", err)
	}
}

func TestDeleteOfNothing(t *testing.T) {
	if _, err := newKeeper(t).Delete(t.Context(), Ref{"SLO", "default", "x"}, "ada"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
