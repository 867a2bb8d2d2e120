package resource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

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
	if err != nil || len(changes) != 1 {
		t.Fatalf("history: %+v, %v", changes, err)
	}
	for number, before := range map[uint64]string{2: future, 3: rawJSON} {
		if c, err := k.Change(t.Context(), number); err != nil || c.Resources[0].Before != before || c.Resources[0].How != "deleted" {
			t.Errorf("change %d is %+v, %v; want the bytes that were deleted", number, c, err)
		}
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
	mended, err := k.Change(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := mended.Resources[0]; got.Before != future || got.After == "" {
		t.Errorf("history has %+v, want what was replaced", got)
	}
	// Somebody's older program stores it again: a return to the mended state works.
	if err := k.deps.Store.Commit(t.Context(), nil, k.table.Put(oldRef.key(), mesh.Resource{Manifest: future})); err != nil {
		t.Fatal(err)
	}
	apply(t, k, rule("ratings", "ratings"))
	if out, err := k.Restore(t.Context(), mended.Number, "ann", false); err != nil || len(out.Changes) != 1 {
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

// TestNobodyOverwritesAnother: what takes the place of a version takes that of no other.
func TestNobodyOverwritesAnother(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"))
	version := func() uint64 {
		all, err := k.Resources(t.Context(), "")
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Version
	}
	manifest := func(to string, version uint64) []byte {
		return []byte(strings.Replace(rule("reviews", "reviews", to), "{name: reviews}", fmt.Sprintf(`{name: reviews, resourceVersion: "%d"}`, version), 1))
	}
	began := version()
	if _, err := k.Replace(t.Context(), []byte(rule("reviews", "reviews", "v2")), began, "ann"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"replace": func() error {
			_, err := k.Replace(t.Context(), []byte(rule("reviews", "reviews", "v3")), began, "ben")
			return err
		},
		"apply":     func() error { _, err := k.Apply(t.Context(), manifest("v3", began), "ben", false); return err },
		"a dry run": func() error { _, err := k.Apply(t.Context(), manifest("v3", began), "ben", true); return err },
	} {
		if err := change(); !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "ann changed it on") || !strings.Contains(err.Error(), "DestinationRule default/reviews") {
			t.Errorf("%s over another's change: %v, want who made that", name, err)
		}
	}
	if _, err := k.Apply(t.Context(), manifest("v3", version()), "ben", false); err != nil {
		t.Errorf("apply to the version there is: %v", err)
	}
	all, err := k.Resources(t.Context(), "")
	if err != nil || all[0].Manifest != rule("reviews", "reviews", "v3") || len(all[0].Findings) != 1 || all[0].Findings[0].Line != 7 {
		t.Errorf("stored %+v, %v; want the manifest without the version, and the warning's line", all, err)
	}
	if _, err := k.Delete(t.Context(), Ref{"DestinationRule", "default", "reviews"}, "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Replace(t.Context(), []byte(rule("reviews", "reviews", "v1")), all[0].Version, "ben"); !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("replace of what is gone: %v", err)
	}
	if _, err := k.Replace(t.Context(), []byte(rule("a", "a")+"---\n"+rule("b", "b")), 1, "ben"); !errors.Is(err, ErrRefused) {
		t.Errorf("replace by two: %v", err)
	}
}
