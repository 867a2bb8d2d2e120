package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string, cfg Config) *Journal {
	t.Helper()
	j, err := Open(dir, cfg)
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	return j
}

// holds is what a journal has for the keys "0" to "9".
func holds(t testing.TB, j *Journal) string {
	t.Helper()
	var b strings.Builder
	for i := range 10 {
		v, err := j.Get(strconv.Itoa(i))
		must(t, err)
		if v != nil {
			fmt.Fprintf(&b, "%d=%s ", i, v)
		}
	}
	return strings.TrimSpace(b.String())
}

func set(key, value string) Op { return Op{Key: key, Value: []byte(value)} }
func del(key string) Op        { return Op{Key: key, Delete: true} }

func files(t testing.TB, dir string) int {
	t.Helper()
	all, err := numbers(dir)
	must(t, err)
	return len(all)
}

func TestWhatIsWrittenIsThereAgain(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	must(t, j.Apply(set("1", "a"), set("2", "b")))
	must(t, j.Apply(set("1", "c"), del("2"), set("3", "")))
	want := "1=c 3="
	if got := holds(t, j); got != want {
		t.Errorf("holds %q, want %q", got, want)
	}
	must(t, j.Close())
	if got := holds(t, open(t, dir, Config{})); got != want {
		t.Errorf("holds %q after a restart, want %q", got, want)
	}
	if _, err := j.Get("1"); !errors.Is(err, ErrClosed) {
		t.Errorf("get of a closed journal: %v", err)
	}
	if err := j.Apply(set("1", "")); !errors.Is(err, ErrClosed) {
		t.Errorf("apply to a closed journal: %v", err)
	}
}

func TestADirectoryIsOneJournals(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrBusy) {
		t.Errorf("opened a second time: %v", err)
	}
	must(t, j.Close())
	open(t, dir, Config{})
}

// A crash may end the file anywhere: each record is there whole or not at all.
func TestAFileThatIsCutOffAnywhere(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	states, ends := []string{""}, []int64{int64(len(magic))}
	for _, ops := range [][]Op{{set("1", "a"), set("2", "bb")}, {del("1"), set("3", strings.Repeat("c", 300))}, {set("2", "d")}} {
		must(t, j.Apply(ops...))
		states, ends = append(states, holds(t, j)), append(ends, j.Size()-int64(len(magic))*int64(files(t, dir)-1))
	}
	must(t, j.Close())
	whole, err := os.ReadFile(segmentPath(dir, 0))
	must(t, err)
	for n := range len(whole) + 1 {
		cut := t.TempDir()
		must(t, os.WriteFile(segmentPath(cut, 0), whole[:n], 0o600))
		j := open(t, cut, Config{})
		last := 0
		for i, end := range ends {
			if int64(n) >= end {
				last = i
			}
		}
		if got := holds(t, j); got != states[last] {
			t.Fatalf("cut off at %d of %d it holds %q, want %q", n, len(whole), got, states[last])
		}
		must(t, j.Apply(set("9", "z")))
		must(t, j.Close())
		if got := holds(t, open(t, cut, Config{})); got != strings.TrimSpace(states[last]+" 9=z") {
			t.Fatalf("cut off at %d, written to and opened again it holds %q", n, got)
		}
	}
}

func TestBytesThatWereChangedAreNotedAndNotBelieved(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	must(t, j.Apply(set("1", "a")))
	must(t, j.Apply(set("2", "b")))
	must(t, j.Close())
	whole, err := os.ReadFile(segmentPath(dir, 0))
	must(t, err)
	for i := len(magic); i < len(whole); i++ {
		bad := t.TempDir()
		changed := bytes.Clone(whole)
		changed[i] ^= 0x40
		must(t, os.WriteFile(segmentPath(bad, 0), changed, 0o600))
		j := open(t, bad, Config{})
		if got := holds(t, j); got != "" && got != "1=a" || j.Damaged() == 0 {
			t.Fatalf("with byte %d changed it holds %q, %d bytes damaged", i, got, j.Damaged())
		}
	}
	whole[len(magic)-1]++
	must(t, os.WriteFile(segmentPath(dir, 0), whole, 0o600))
	if _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a journal of another version: %v", err)
	}
}

func TestFilesGoWhenAllInThemIsDead(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 1000})
	value := strings.Repeat("v", 300)
	for i := range 100 {
		must(t, j.Apply(set("key-"+strconv.Itoa(i), value), set("state", strconv.Itoa(i))))
		if i >= 5 {
			must(t, j.Apply(del("key-"+strconv.Itoa(i-5)), set("state", strconv.Itoa(i))))
		}
	}
	if n := files(t, dir); n > 5 {
		t.Errorf("%d files for 5 values", n)
	}
	for i := range 5 {
		must(t, j.Apply(del("key-"+strconv.Itoa(95+i))))
	}
	must(t, j.Close())
	j = open(t, dir, Config{SegmentBytes: 1000})
	if v, err := j.Get("state"); err != nil || string(v) != "99" {
		t.Errorf("state %q, %v", v, err)
	}
	if v, err := j.Get("key-3"); err != nil || v != nil {
		t.Errorf("what was deleted is back: %q, %v", v, err)
	}
}

// One value that nobody fetches does not keep all that came after it.
func TestAnOldValueIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 1000})
	must(t, j.Apply(set("1", "old")))
	value := strings.Repeat("v", 300)
	for range 200 {
		must(t, j.Apply(set("2", value)))
		must(t, j.Apply(del("2")))
	}
	if n := files(t, dir); n > 8 {
		t.Errorf("%d files for one small value", n)
	}
	must(t, j.Close())
	if got := holds(t, open(t, dir, Config{})); got != "1=old" {
		t.Errorf("holds %q", got)
	}
}

// brokenFile fails writes or flushes as long as it is told to.
type brokenFile struct {
	file
	write, flush error
	flushed      *atomic.Int32
}

func (f *brokenFile) WriteAt(p []byte, at int64) (int, error) {
	if f.write != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], at)
		return n, f.write
	}
	return f.file.WriteAt(p, at)
}

func (f *brokenFile) Sync() error {
	if f.flushed != nil {
		f.flushed.Add(1)
	}
	if f.flush != nil {
		return f.flush
	}
	return f.file.Sync()
}

func broken(j *Journal) *brokenFile {
	last := j.segments[len(j.segments)-1]
	f := &brokenFile{file: last.file}
	last.file = f
	return f
}

func TestAFullDiskLosesNothingAndIsGotOver(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 200})
	must(t, j.Apply(set("1", strings.Repeat("a", 150))))
	must(t, j.Apply(set("2", "b"), set("3", "c")))
	before := files(t, dir)
	f := broken(j)
	f.write = unix.ENOSPC
	if err := j.Apply(set("4", strings.Repeat("d", 50))); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("apply on a full disk: %v", err)
	}
	if err := j.Apply(del("1"), set("3", "x")); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("apply on a full disk: %v", err)
	}
	if got := holds(t, j); got != "2=b 3=c" {
		t.Errorf("holds %q", got)
	}
	if n := files(t, dir); n >= before {
		t.Errorf("%d files, %d before what was in the first one was deleted", n, before)
	}
	f.write = nil
	must(t, j.Apply(set("4", "d")))
	must(t, j.Close())
	if got := holds(t, open(t, dir, Config{})); got != "2=b 3=c 4=d" {
		t.Errorf("holds %q after a restart", got)
	}
}

func TestAFileThatCouldNotBeFlushedIsLeft(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	must(t, j.Apply(set("1", "a"), set("2", "b")))
	f := broken(j)
	f.flush = unix.EIO
	if err := j.Sync(); !errors.Is(err, unix.EIO) {
		t.Fatalf("sync: %v", err)
	}
	must(t, j.Apply(set("3", "c")))
	must(t, j.Sync())
	if n := len(j.segments); n != 1 {
		t.Errorf("%d segments, want what lived in the first one in the second", n)
	}
	if got := holds(t, j); got != "1=a 2=b 3=c" {
		t.Errorf("holds %q", got)
	}
}

func TestCallersShareAFlush(t *testing.T) {
	j := open(t, t.TempDir(), Config{})
	var flushed atomic.Int32
	broken(j).flushed = &flushed
	const callers = 64
	for range callers {
		must(t, j.Apply(set("1", "a")))
	}
	j.flush.Lock() // as while the disk is busy
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { must(t, j.Sync()) })
	}
	j.flush.Unlock()
	all.Wait()
	if n := flushed.Load(); n != 1 {
		t.Errorf("%d flushes for %d callers", n, callers)
	}
	must(t, j.Sync())
	if n := flushed.Load(); n != 1 {
		t.Errorf("flushed again with nothing new: %d", n)
	}
}

func FuzzScan(f *testing.F) {
	b, _ := appendRecord(bytes.Clone(magic), []Op{set("1", "a"), del("2")}, nil)
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		must(t, os.WriteFile(path, data, 0o600))
		file, err := os.Open(path)
		must(t, err)
		defer file.Close()
		s := &segment{file: file}
		rest, err := s.scan(int64(len(data)), func(op Op, at int64) {
			if at < 0 || at+int64(len(op.Value)) > int64(len(data)) || !op.Delete && !bytes.Equal(op.Value, data[at:at+int64(len(op.Value))]) {
				t.Fatalf("%q at %d of %d", op.Value, at, len(data))
			}
		})
		if err == nil && s.size+rest != int64(len(data)) {
			t.Fatalf("%d whole, %d not, of %d", s.size, rest, len(data))
		}
	})
}

func TestShrinkGivesBackWhatIsDead(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	must(t, j.Apply(set("1", strings.Repeat("a", 2<<20)), set("2", "b")))
	must(t, j.Shrink()) // most of it is alive
	if n := j.Size(); n < 2<<20 {
		t.Fatalf("%d bytes with a value of 2 MiB in it", n)
	}
	must(t, j.Apply(del("1")))
	must(t, j.Shrink())
	if n := j.Size(); n > 1<<10 {
		t.Errorf("%d bytes, nearly all of them dead", n)
	}
	must(t, j.Close())
	if got := holds(t, open(t, dir, Config{})); got != "2=b" {
		t.Errorf("holds %q after a restart", got)
	}
}
