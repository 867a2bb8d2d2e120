package store_test

import (
	"os"
	command "os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// What a disk has after a loss of power is what was written to it, and not what the system
// had in its cache: here, the image file below a file system that is in use.
func TestSyncedInsertsSurviveALossOfPower(t *testing.T) {
	storetest.NeedEngine(t)
	dir := t.TempDir()
	image, cut := newImage(t, filepath.Join(dir, "image"), "1G"), filepath.Join(dir, "cut")
	before := mount(t, image)
	s := storetest.OpenWith(t, before, store.Config{SyncInserts: true})
	c := connect(t, s.DSN())
	exec(t, c, "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
	const acknowledged = 20
	for i := range acknowledged {
		if err := insertThousand(t, c, "kept", i); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := command.CommandContext(t.Context(), "cp", "--sparse=always", image, cut).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	s.Kill()

	c = connect(t, storetest.Open(t, mount(t, cut)).DSN())
	var n uint64
	if err := c.QueryRow(t.Context(), "SELECT count() FROM kept").Scan(&n); err != nil || n != 1000*acknowledged {
		t.Errorf("after the loss of power: %d rows (%v), %d were acknowledged", n, err, 1000*acknowledged)
	}
	if damaged := setAside(t, c); len(damaged) > 0 {
		t.Errorf("the loss of power looks like damage: %v", damaged)
	}
}

// mountNew is an empty file system of a size, until the test ends.
func mountNew(t *testing.T, size string) string {
	t.Helper()
	storetest.NeedEngine(t)
	return mount(t, newImage(t, filepath.Join(t.TempDir(), "image"), size))
}

// newImage makes a file with an empty file system in it.
func newImage(t *testing.T, path, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it takes root to mount a file system")
	}
	for _, args := range [][]string{
		{"truncate", "-s", size, path},
		{"mkfs.ext4", "-q", "-F", path},
	} {
		if out, err := command.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return path
}

// mount makes the file system in an image a directory, until the test ends.
func mount(t *testing.T, image string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := command.CommandContext(t.Context(), "mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
