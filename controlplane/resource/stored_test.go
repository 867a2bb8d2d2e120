package resource

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// future is a rule that a program of another version has stored.
const future = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: old}\nspec:\n  host: old\n  fieldOfTomorrow: 1\n"

var (
	oldRef  = Ref{"DestinationRule", "default", "old"}
	rawRef  = Ref{"DestinationRule", "default", "raw"}
	rawJSON = `"no resource at all"`
)

// withUnreadable is a keeper over a mesh with a route, and two rules that cannot be read.
func withUnreadable(t *testing.T) *Keeper {
	t.Helper()
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"), route("v1"))
	err := k.deps.Store.Commit(t.Context(), nil,
		k.table.Put(oldRef.key(), mesh.Resource{Kind: "DestinationRule", Namespace: "default", Name: "old", Manifest: future}),
		store.TableOf[string](k.deps.Store, store.Resources).Put(rawRef.key(), "no resource at all"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatCannotBeReadStopsNoChange(t *testing.T) {
	k := withUnreadable(t)
	if findings, err := k.Apply(t.Context(), []byte(rule("ratings", "ratings", "v1")), "ada", false); err != nil {
		t.Fatalf("a change of something else: %v %+v", err, findings)
	}
	if _, err := k.Delete(t.Context(), Ref{"DestinationRule", "default", "ratings"}, "ada"); err != nil {
		t.Errorf("a deletion of something else: %v", err)
	}
	if _, err := k.SLOs(t.Context()); err != nil {
		t.Errorf("objectives: %v", err)
	}
	if objects, _, err := k.Objects(t.Context()); err != nil || len(objects) != 2 {
		t.Errorf("%d objects, %v; want the two that can be read", len(objects), err)
	}
	all, err := k.Resources(t.Context(), "DestinationRule")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range all {
		got[r.Name] = r.Unreadable
		if r.Name == "old" && (r.Manifest != future || r.Version == 0) {
			t.Errorf("got %+v, want the manifest as it is stored", r)
		}
	}
	if !strings.HasPrefix(got["old"], "spec.fieldOfTomorrow: unknown field") || got["raw"] == "" || got["reviews"] != "" || len(got) != 3 {
		t.Errorf("unreadable: %q, want old and raw with their reasons", got)
	}
	found, err := k.Analyze(t.Context())
	of := func(r Ref) bool {
		return slices.ContainsFunc(found, func(f mesh.Finding) bool {
			return f.Code == string(config.CodeStored) && f.Resource == r.String() && f.Severity == config.SeverityError
		})
	}
	if err != nil || !of(oldRef) || !of(rawRef) {
		t.Errorf("analyze: %+v, %v; want both", found, err)
	}
}

func TestWhatCannotBeReadIsDeletedAndMended(t *testing.T) {
	k := withUnreadable(t)
	for _, r := range []Ref{oldRef, rawRef} {
		if findings, err := k.Delete(t.Context(), r, "ben"); err != nil {
			t.Fatalf("delete %s: %v %+v", r, err, findings)
		}
	}
	if _, err := k.Delete(t.Context(), oldRef, "ben"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	changes, err := k.History(t.Context(), 0, 10, Ref{Name: "old"})
	if err != nil {
		t.Fatal(err)
	}
	want := []mesh.ChangedResource{{Kind: "DestinationRule", Namespace: "default", Name: "old", Before: future}}
	if len(changes) != 1 || !cmp.Equal(want, changes[0].Resources) {
		t.Errorf("history has %+v, want what was deleted", changes)
	}
	if changes, err := k.History(t.Context(), 0, 1, Ref{}); err != nil || changes[0].Resources[0].Before != rawJSON {
		t.Errorf("history has %+v, %v, want the bytes that were deleted", changes, err)
	}
	out, err := k.Restore(t.Context(), 1, "ann", true)
	if !errors.Is(err, ErrRefused) || len(out.Findings) == 0 || out.Findings[0].Path != "spec.fieldOfTomorrow" || out.Findings[0].Code == "" {
		t.Errorf("back to what cannot be read: %+v, %v; want a refusal that says where", out.Findings, err)
	}
}

func TestWhatCannotBeReadIsReplacedAndRestoredOver(t *testing.T) {
	k := withUnreadable(t)
	apply(t, k, rule("old", "old"), rule("raw", "raw"))
	for _, r := range []Ref{oldRef, rawRef} {
		if now, err := k.stored(t.Context()); err != nil || now.faults[r] != nil {
			t.Errorf("%s is not mended: %v, %v", r, now.faults[r], err)
		}
	}
	mended, err := k.History(t.Context(), 0, 1, Ref{})
	if err != nil {
		t.Fatal(err)
	}
	if got := mended[0].Resources[0]; got.Before != future || got.After == "" {
		t.Errorf("history has %+v, want what was replaced", got)
	}
	// Somebody's older program stores it again: a return to the mended state works.
	if err := k.deps.Store.Commit(t.Context(), nil, k.table.Put(oldRef.key(), mesh.Resource{Manifest: future})); err != nil {
		t.Fatal(err)
	}
	apply(t, k, rule("ratings", "ratings"))
	if out, err := k.Restore(t.Context(), mended[0].Number, "ann", false); err != nil || len(out.Changes) != 1 {
		t.Errorf("restore of something else: %+v, %v", out, err)
	}
	if got := names(t, k); !strings.Contains(got, "DestinationRule/old") {
		t.Errorf("what cannot be read and was not touched is gone: %s", got)
	}
}

// A trim is not the change: one that fails comes again.
func TestAFailedTrimIsNotAFailedChange(t *testing.T) {
	k := newKeeper(t)
	var log bytes.Buffer
	k.deps.Logger = slog.New(slog.NewTextHandler(&log, nil))
	apply(t, k, rule("reviews", "reviews", "v1"))
	first, err := k.history.Get(t.Context(), recordKey(1))
	if err != nil {
		t.Fatal(err)
	}
	first.Number = trimEvery - 1
	if err := k.deps.Store.Commit(t.Context(), nil, k.history.Put(recordKey(first.Number), first)); err != nil {
		t.Fatal(err)
	}
	k.trimHistory = func(context.Context) error { return errors.New("the store went away") }
	if _, err := k.Apply(t.Context(), []byte(rule("ratings", "ratings", "v1")), "ann", false); err != nil {
		t.Errorf("a change that was made: %v", err)
	}
	if got := names(t, k); got != "DestinationRule/ratings DestinationRule/reviews" || !strings.Contains(log.String(), "the store went away") {
		t.Errorf("stored %s, logged %q", got, log.String())
	}
}
