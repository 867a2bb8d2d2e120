package resource

import (
	"fmt"
	"strings"
	"testing"
)

// many is a manifest of so many rules.
func many(prefix string, n int) string {
	all := make([]string, n)
	for i := range all {
		name := fmt.Sprintf("%s-%d", prefix, i)
		all[i] = rule(name, name)
	}
	return strings.Join(all, "---\n")
}

// TestWhatIsTooMuchForOneStepIsDoneAllTheSame: as one change, which a dry run allows and
// changes nothing by.
func TestWhatIsTooMuchForOneStepIsDoneAllTheSame(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews")) // 1
	if _, err := k.Apply(t.Context(), []byte(many("d", 1100)), "ann", true); err != nil {
		t.Errorf("dry run: %v", err)
	}
	apply(t, k, many("d", 1100)) // 2: 2,200 values and more
	for _, prefix := range []string{"a", "b"} {
		apply(t, k, many(prefix, 700))
	}
	for _, dry := range []bool{true, false} {
		if _, err := k.Restore(t.Context(), 1, "ann", dry); err != nil {
			t.Fatalf("restore, dry run %v: %v", dry, err)
		}
	}
	if got := names(t, k); got != "DestinationRule/reviews" {
		t.Errorf("stored is %.100s", got)
	}
	if changes := summaries(t, k, 0, 10, Ref{}); len(changes) != 5 {
		t.Errorf("history is %q: a dry run is in it", changes)
	}
	if _, err := k.Restore(t.Context(), 4, "ann", false); err != nil {
		t.Errorf("and back: %v", err)
	}
	if objects, _, err := k.Objects(t.Context()); err != nil || len(objects) != 2501 {
		t.Errorf("stored are %d, %v", len(objects), err)
	}
}

func TestManyBytesAreDoneLikewise(t *testing.T) {
	k := newKeeper(t)
	noise := func(n int) string { return "# " + strings.Repeat(fmt.Sprintf("%08x", n*2654435761), 110_000) + "\n" }
	for n := range 12 {
		name := fmt.Sprintf("r%d", n)
		apply(t, k, noise(n)+rule(name, name))
	}
	for n := range 12 {
		if _, err := k.Delete(t.Context(), Ref{"DestinationRule", "default", fmt.Sprintf("r%d", n)}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	for _, dry := range []bool{true, false} {
		if _, err := k.Restore(t.Context(), 12, "ann", dry); err != nil {
			t.Errorf("10 MiB, dry run %v: %v", dry, err)
		}
	}
	if objects, _, err := k.Objects(t.Context()); err != nil || len(objects) != 12 {
		t.Errorf("stored are %d, %v", len(objects), err)
	}
}
