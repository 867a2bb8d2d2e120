package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a directory with a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := socketDir(t)
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if errors.Is(err, syscall.EPERM) {
		t.Skip("mounting takes root")
	}
	must(t, err)
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill takes all that is free on a disk, until the file is removed.
func fill(t *testing.T, dir string) (file string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	defer f.Close()
	for _, block := range [][]byte{make([]byte, 64<<10), make([]byte, 1)} {
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return f.Name()
}

// sendUntilRefused sends spans with names of a kilobyte.
func sendUntilRefused(t *testing.T, r *running) (acknowledged []string) {
	t.Helper()
	for n := 0; ; n++ {
		names := make([]string, 20)
		for i := range names {
			names[i] = fmt.Sprintf("%d-%d-%s", n, i, strings.Repeat("x", 1000))
		}
		err := r.send(t.Context(), names...)
		switch {
		case err == nil:
			acknowledged = append(acknowledged, names...)
		case !toComeAgain(err):
			t.Fatalf("a full disk is answered with %v", err)
		default:
			return acknowledged
		}
	}
}

func TestAFullDiskLosesNothingThatWasAcknowledged(t *testing.T) {
	c := testConfig(t, smallDisk(t, "8m"))
	c.QueueItems = 1_000_000
	r := start(t, c, func(s *store) { s.away.Store(true) })
	acknowledged := sendUntilRefused(t, r)
	if p := r.traces(); !strings.Contains(p.Trouble, "disk is full") || p.Refused == 0 || p.Received != uint64(len(acknowledged)) {
		t.Errorf("the books do not tell of it: %+v", p)
	}

	filler := fill(t, c.Dir) // somebody else takes the rest
	r.store.away.Store(false)
	until(t, "all is stored while the disk is full", func() bool { return r.traces().Queued == 0 })
	stored := r.store.spans()
	for _, name := range acknowledged {
		if stored[name] != 1 {
			t.Fatalf("span %.10s was stored %d times", name, stored[name])
		}
	}
	fill(t, c.Dir) // and what the queue gave back
	if err := r.send(t.Context(), "early"); !toComeAgain(err) {
		t.Errorf("a full disk is answered with %v", err)
	}
	must(t, os.Remove(filler))
	until(t, "spans are taken again", func() bool { return r.send(t.Context(), "late") == nil })
	until(t, "they are stored", func() bool { return r.traces().Queued == 0 && r.store.spans()["late"] > 0 })
	if p := r.traces(); p.Trouble != "" || len(p.Dropped) > 0 {
		t.Errorf("in the end: %+v", p)
	}
}

func TestARestartOnAFullDiskSendsWhatIsQueued(t *testing.T) {
	c := testConfig(t, smallDisk(t, "8m"))
	c.QueueItems = 1_000_000
	r := start(t, c, func(s *store) { s.away.Store(true) })
	acknowledged := sendUntilRefused(t, r)
	fill(t, c.Dir)
	r.stop()

	r = start(t, c)
	until(t, "all is stored", func() bool { return r.traces().Queued == 0 })
	for _, name := range acknowledged {
		if n := r.store.spans()[name]; n != 1 {
			t.Fatalf("span %.10s was stored %d times", name, n)
		}
	}
}
