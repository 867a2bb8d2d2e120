package resource

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/store"
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

// TestWhatIsTooMuchForOneStepIsRefusedBefore: by the dry run, with what to do, which works.
func TestWhatIsTooMuchForOneStepIsRefusedBefore(t *testing.T) {
	k := newKeeper(t)
	apply(t, k, rule("reviews", "reviews"))          // 1
	for _, prefix := range []string{"a", "b", "c"} { // 2, 3 and 4
		apply(t, k, many(prefix, 700))
	}
	for _, dry := range []bool{true, false} {
		_, err := k.Restore(t.Context(), 1, "ann", dry)
		if !errors.Is(err, store.ErrTooMuch) || !strings.Contains(err.Error(), "at most 2048 are stored at once") || !strings.Contains(err.Error(), "`sightline restore 2`") {
			t.Fatalf("restore, dry run %v: %v; want to be told of the bound, and to go back to 2 first", dry, err)
		}
		if findings, err := k.Apply(t.Context(), []byte(many("d", 1100)), "ann", dry); !errors.Is(err, store.ErrTooMuch) || len(findings) > 0 || !strings.Contains(err.Error(), "in parts") {
			t.Errorf("apply, dry run %v: %+v, %v", dry, findings, err)
		}
	}
	for _, number := range []uint64{2, 1} {
		if _, err := k.Restore(t.Context(), number, "ann", true); err != nil {
			t.Fatalf("dry run of step %d: %v", number, err)
		}
		if _, err := k.Restore(t.Context(), number, "ann", false); err != nil {
			t.Fatalf("step %d: %v", number, err)
		}
	}
	if got := names(t, k); got != "DestinationRule/reviews" {
		t.Errorf("stored is %.100s", got)
	}
	if changes := summaries(t, k, 0, 10, Ref{}); len(changes) != 6 {
		t.Errorf("history is %q: a dry run, or what was refused, is in it", changes)
	}
}

func TestBytesAreBoundedLikewise(t *testing.T) {
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
	_, err := k.Restore(t.Context(), 12, "ann", true)
	if !errors.Is(err, store.ErrTooMuch) || !strings.Contains(err.Error(), "MiB") || !strings.Contains(err.Error(), "goes part of the way") {
		t.Errorf("a dry run of 10 MiB: %v", err)
	}
}
