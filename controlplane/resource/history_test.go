package resource

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

func apply(t *testing.T, k *Keeper, manifests ...string) {
	t.Helper()
	if _, err := k.Apply(t.Context(), []byte(strings.Join(manifests, "---\n")), "ann", false); err != nil {
		t.Fatal(err)
	}
}

func summaries(t *testing.T, k *Keeper, below uint64, limit int, about Ref) []string {
	t.Helper()
	changes, err := k.History(t.Context(), below, limit, about)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%d %s: %s", c.Number, c.By, c.Summary))
	}
	return out
}

func TestHistoryTellsEveryChange(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"), route("v1"))
	apply(t, k, rule("reviews", "reviews", "v1")) // as it is already: no change
	apply(t, k, rule("reviews", "reviews", "v1", "v2"))
	if _, err := k.Apply(t.Context(), []byte(route("v9")), "ann", false); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	if _, err := k.Delete(t.Context(), Ref{"VirtualService", "default", "reviews"}, "ben"); err != nil {
		t.Fatal(err)
	}
	all := []string{
		"3 ben: deleted VirtualService default/reviews",
		"2 ann: applied DestinationRule default/reviews",
		"1 ann: applied DestinationRule default/reviews, VirtualService default/reviews",
	}
	for name, c := range map[string]struct {
		below uint64
		limit int
		about Ref
		want  []string
	}{
		"all":         {0, 10, Ref{}, all},
		"newest":      {0, 1, Ref{}, all[:1]},
		"older":       {3, 10, Ref{}, all[1:]},
		"of a kind":   {0, 10, Ref{Kind: "DestinationRule"}, all[1:]},
		"of one":      {0, 10, Ref{"VirtualService", "default", "reviews"}, []string{all[0], all[2]}},
		"of none":     {0, 10, Ref{Name: "ratings"}, []string{}},
		"before them": {1, 10, Ref{}, []string{}},
	} {
		if diff := cmp.Diff(c.want, summaries(t, k, c.below, c.limit, c.about)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	changes, err := k.History(t.Context(), 0, 1, Ref{})
	if err != nil {
		t.Fatal(err)
	}
	want := []mesh.ChangedResource{{Kind: "VirtualService", Namespace: "default", Name: "reviews", How: "deleted"}}
	if diff := cmp.Diff(want, changes[0].Resources); diff != "" {
		t.Errorf("what the last change did, in a list (-want +got):\n%s", diff)
	}
	whole, err := k.Change(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	want[0].Before = route("v1")
	if diff := cmp.Diff(want, whole.Resources); diff != "" || whole.By != "ben" || whole.Number != 3 {
		t.Errorf("the last change is %+v (-want +got):\n%s", whole, diff)
	}
	for number, want := range map[uint64]string{0: "the newest is 3", 9: "the newest is 3"} {
		if _, err := k.Change(t.Context(), number); !errors.Is(err, ErrNoSuchChange) || !strings.Contains(err.Error(), want) {
			t.Errorf("change %d: %v, want %q", number, err, want)
		}
	}
}

func TestRestore(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"), route("v1")) // 1
	apply(t, k, rule("ratings", "ratings"))                    // 2
	apply(t, k, rule("reviews", "reviews", "v1", "v2"))        // 3
	apply(t, k, route("v2"))                                   // 4
	if _, err := k.Delete(t.Context(), Ref{"DestinationRule", "default", "ratings"}, "ben"); err != nil {
		t.Fatal(err) // 5
	}
	manifests := func() map[string]string {
		all, err := k.Resources(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, r := range all {
			out[r.Kind+"/"+r.Name] = r.Manifest
		}
		return out
	}
	after2 := map[string]string{
		"DestinationRule/reviews": rule("reviews", "reviews", "v1"),
		"DestinationRule/ratings": rule("ratings", "ratings"),
		"VirtualService/reviews":  route("v1"),
	}
	before := manifests()
	planned, err := k.Restore(t.Context(), 2, "ann", true)
	if err != nil || len(planned.Changes) != 3 {
		t.Fatalf("dry run: %+v, %v; want three resources changed", planned, err)
	}
	if diff := cmp.Diff(before, manifests()); diff != "" {
		t.Errorf("a dry run changed something:\n%s", diff)
	}
	done, err := k.Restore(t.Context(), 2, "ann", false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planned.Changes, done.Changes); diff != "" {
		t.Errorf("done otherwise than planned:\n%s", diff)
	}
	if diff := cmp.Diff(after2, manifests()); diff != "" {
		t.Errorf("after the restoration (-want +got):\n%s", diff)
	}
	if got, want := summaries(t, k, 0, 1, Ref{})[0], "6 ann: restored the configuration of change 2"; got != want {
		t.Errorf("newest change %q, want %q", got, want)
	}
	if _, err := k.Restore(t.Context(), 5, "ann", false); err != nil { // and back again
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, manifests()); diff != "" {
		t.Errorf("restoring before the restoration (-want +got):\n%s", diff)
	}
	if _, err := k.Restore(t.Context(), 0, "ann", false); err != nil || len(manifests()) != 0 {
		t.Errorf("before the first change: %v, %v left", err, manifests())
	}
	for _, n := range []uint64{99, 1 << 60} {
		if _, err := k.Restore(t.Context(), n, "ann", false); !errors.Is(err, ErrNoSuchChange) {
			t.Errorf("change %d: %v, want %v", n, err, ErrNoSuchChange)
		}
	}
}

// TestRestoreIsValidated: what is brought back must fit what runs now.
func TestRestoreIsValidated(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1", "v2"), route("v2")) // 1
	apply(t, k, route("v1"))                                         // 2
	apply(t, k, rule("reviews", "reviews", "v1"))                    // 3
	if _, err := k.Delete(t.Context(), Ref{"VirtualService", "default", "reviews"}, "ben"); err != nil {
		t.Fatal(err) // 4
	}
	if err := k.deps.Store.Commit(t.Context(), nil, k.history.Delete(recordKey(3))); err != nil {
		t.Fatal(err) // a history with a hole, as no program makes it
	}
	out, err := k.Restore(t.Context(), 1, "ann", false)
	if !errors.Is(err, ErrRefused) || len(out.Findings) == 0 || !strings.Contains(out.Findings[0].Message, "v2") {
		t.Errorf("restored a route to a subset that is gone: %+v, %v", out.Findings, err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"))
	first, err := k.history.Get(t.Context(), recordKey(1))
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(2); n < HistoryCap+trimEvery; n++ { // as so many changes would leave it
		first.Number = n
		if err := k.deps.Store.Commit(t.Context(), nil, k.history.Put(recordKey(n), first)); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, k, rule("reviews", "reviews", "v1", "v2"))
	items, _, err := k.history.List(t.Context())
	if err != nil || len(items) != HistoryCap {
		t.Errorf("%d changes kept, %v; want %d", len(items), err, HistoryCap)
	}
	if _, err := k.Restore(t.Context(), 3, "ann", true); !errors.Is(err, ErrNoSuchChange) || !strings.Contains(err.Error(), "oldest") {
		t.Errorf("a change that is gone: %v; want to be told of the oldest there is", err)
	}
}

// TestHistoryIsBoundedInBytes: big manifests must not fill the store long before there are
// a thousand changes.
func TestHistoryIsBoundedInBytes(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"))
	first, err := k.history.Get(t.Context(), recordKey(1))
	if err != nil {
		t.Fatal(err)
	}
	const each = 3 << 20
	noise := make([]byte, each*3/4) // of which JSON makes a third more
	for n := uint64(2); n <= 2+HistoryBytes/each; n++ {
		r := first
		r.Number, r.Packed = n, noise
		if err := k.deps.Store.Commit(t.Context(), nil, k.history.Put(recordKey(n), r)); err != nil {
			t.Fatal(err)
		}
	}
	k.untrimmed = trimBytes
	apply(t, k, rule("reviews", "reviews", "v1", "v2"))
	items, _, err := k.history.List(t.Context())
	if err != nil || len(items) < 5 || len(items) > HistoryBytes/each+1 { // the last is small
		t.Errorf("%d changes kept, %v; want as many of the newest as are %d MiB", len(items), err, HistoryBytes>>20)
	}
	if _, err := k.Change(t.Context(), 1); !errors.Is(err, ErrNoSuchChange) || !strings.Contains(err.Error(), "too old") {
		t.Errorf("the oldest: %v, want to be told that it is too old", err)
	}
	if newest, err := k.Change(t.Context(), items[len(items)-1].Value.Number); err != nil || len(newest.Resources) != 1 {
		t.Errorf("the newest: %+v, %v", newest, err)
	}
}

// A record that cannot be read must not stop changes.
func TestAChangeFollowsARecordThatCannotBeRead(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews", "v1"))
	if err := k.deps.Store.Commit(t.Context(), nil, store.TableOf[int](k.deps.Store, store.History).Put(recordKey(2), 7)); err != nil {
		t.Fatal(err)
	}
	apply(t, k, rule("ratings", "ratings", "v1"))
	if c, err := k.Change(t.Context(), 3); err != nil || c.Number != 3 {
		t.Errorf("the next change: %+v, %v", c, err)
	}
}
