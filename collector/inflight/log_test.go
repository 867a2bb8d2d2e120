package inflight

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// content is a request of so many parts, whose hashes it gives too.
func content(t *testing.T, parts ...string) ([]byte, []uint64) {
	t.Helper()
	var b []byte
	for _, p := range parts {
		b = protowire.AppendString(protowire.AppendTag(b, partField, protowire.BytesType), p)
	}
	hashes, err := Parts(b)
	if err != nil || len(hashes) != len(parts) {
		t.Fatalf("%d parts of %d: %v", len(hashes), len(parts), err)
	}
	return b, hashes
}

func open(t *testing.T, dir string, items int) *Log {
	t.Helper()
	l, err := Open(dir, items)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestNextProcessFindsWhatWasSent(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 100)
	over, overParts := content(t, "a", "b")
	sending, sendingParts := content(t, "c", "d")
	must(t, l.Begin("one", over, overParts))
	must(t, l.Over("one"))
	must(t, l.Begin("two", sending, sendingParts))
	must(t, l.Begin("two", sending, sendingParts)) // another try
	if l.Sent(overParts[0]) {
		t.Error("what this process sent is not for it to leave out")
	}
	must(t, os.WriteFile(filepath.Join(dir, "three"+draftSuffix), sending[:3], 0o600)) // killed while it was written

	l = open(t, dir, 100)
	if diff := cmp.Diff([]string{"two"}, l.Left()); diff != "" {
		t.Error(diff)
	}
	got, err := l.Content("two")
	if err != nil || !slices.Equal(got, sending) {
		t.Errorf("content %q, %v", got, err)
	}
	for _, p := range append(overParts, sendingParts...) {
		if !l.Sent(p) {
			t.Errorf("part %x is not known", p)
		}
	}
	must(t, l.Over("two"))
	if left := l.Left(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	// Killed again, with the same telemetry in the queue.
	l = open(t, dir, 100)
	if left := l.Left(); len(left) > 0 || !l.Sent(overParts[1]) || !l.Sent(sendingParts[1]) {
		t.Errorf("left %q, or a part is forgotten", left)
	}
	must(t, l.Passed(99))
	if !l.Sent(sendingParts[0]) {
		t.Error("forgotten while it may be in the queue")
	}
	must(t, l.Passed(1))
	if l.Sent(sendingParts[0]) || len(files(t, dir)) > 0 {
		t.Errorf("not forgotten: %q", files(t, dir))
	}
}

func TestNothingIsForgottenBeforeAllIsSent(t *testing.T) {
	dir := t.TempDir()
	b, parts := content(t, "a")
	must(t, open(t, dir, 1).Begin("one", b, parts))
	l := open(t, dir, 1)
	must(t, l.Passed(5))
	if !l.Sent(parts[0]) || len(l.Left()) != 1 {
		t.Error("forgotten")
	}
	must(t, l.Lost("one"))
	if l.Sent(parts[0]) || len(l.Left()) > 0 || len(files(t, dir)) > 0 {
		t.Errorf("what cannot be sent again is not left to the queue: %q", files(t, dir))
	}
}

func TestFewBatchesAreKept(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 0)
	for n := range 3 * keptOver {
		name := strconv.Itoa(n)
		b, parts := content(t, name)
		must(t, l.Begin(name, b, parts))
		must(t, l.Over(name))
	}
	if got := len(files(t, dir)); got != keptOver {
		t.Errorf("%d files, want %d", got, keptOver)
	}
	must(t, l.Over("never begun"))
}

func TestDamagedBatchIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "one"), []byte{0x0a, 0x7f, 1}, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "two"+overSuffix), []byte{1, 2, 3}, 0o600))
	l := open(t, dir, 0)
	if l.Damaged() != 1 || len(l.Left()) > 0 {
		t.Errorf("%d damaged, %q left", l.Damaged(), l.Left())
	}
}

func TestPartsOfOther(t *testing.T) {
	for _, b := range [][]byte{{0x12, 0}, {0x08, 1}, {0x0a, 5, 1}, {0xff}} {
		if got, err := Parts(b); !errors.Is(err, errNotOTLP) {
			t.Errorf("%x: %x, %v", b, got, err)
		}
	}
}
