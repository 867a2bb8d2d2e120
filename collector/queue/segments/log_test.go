package segments

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string, cfg Config) (*Log, []Record) {
	t.Helper()
	l, all, err := Open(dir, cfg)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l, all
}

func add(t testing.TB, l *Log, content string) Record {
	t.Helper()
	r, err := l.Append([]byte(content), len(content), time.UnixMilli(1000))
	must(t, err)
	return r
}

// told is the numbers and contents of records; a content that is damaged is "!".
func told(t testing.TB, l *Log, all []Record) string {
	t.Helper()
	var b strings.Builder
	for _, r := range all {
		content, err := l.Read(r)
		if errors.Is(err, ErrDamaged) {
			content, err = []byte("!"), nil
		}
		must(t, err)
		fmt.Fprintf(&b, "%d=%s ", r.Number, content)
	}
	return strings.TrimSpace(b.String())
}

func files(t testing.TB, dir string) int {
	t.Helper()
	all, err := firsts(dir)
	must(t, err)
	return len(all)
}

func TestWhatIsWrittenIsThereAgain(t *testing.T) {
	dir := t.TempDir()
	l, all := open(t, dir, Config{})
	if len(all) != 0 {
		t.Errorf("%d records of an empty directory", len(all))
	}
	add(t, l, "a")
	r := add(t, l, "")
	add(t, l, "ccc")
	must(t, l.Sync(r))
	must(t, l.Close())
	if _, err := l.Append(nil, 0, time.Now()); !errors.Is(err, ErrClosed) {
		t.Errorf("append to a closed log: %v", err)
	}
	l, all = open(t, dir, Config{})
	if got := told(t, l, all); got != "0=a 1= 2=ccc" {
		t.Errorf("holds %q", got)
	}
	if r := all[2]; r.Items != 3 || !r.Arrival.Equal(time.UnixMilli(1000)) || l.Damaged() != 0 {
		t.Errorf("record %+v, %d damaged", r, l.Damaged())
	}
	l.Skip(7)
	l.Skip(5)
	if r := add(t, l, "d"); r.Number != 7 {
		t.Errorf("number %d, want 7", r.Number)
	}
}

func TestADirectoryIsOneLogs(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Config{})
	if _, _, err := Open(dir, Config{}); !errors.Is(err, ErrBusy) {
		t.Errorf("opened a second time: %v", err)
	}
	must(t, l.Close())
	open(t, dir, Config{})
}

// threeRecords is a segment of records "a", "bb" and a longer one, and where each ends.
func threeRecords(t testing.TB) (file []byte, ends []int64) {
	t.Helper()
	dir := t.TempDir()
	l, _ := open(t, dir, Config{})
	ends = []int64{int64(len(magic))}
	for _, content := range []string{"a", "bb", strings.Repeat("c", 300)} {
		add(t, l, content)
		ends = append(ends, l.segments[0].size)
	}
	must(t, l.Close())
	file, err := os.ReadFile(segmentPath(dir, 0))
	must(t, err)
	return file, ends
}

// A crash may end the file anywhere: each record is there whole or not at all, and what is
// written then is there, too.
func TestAFileThatIsCutOffAnywhere(t *testing.T) {
	whole, ends := threeRecords(t)
	for n := range len(whole) + 1 {
		dir := t.TempDir()
		must(t, os.WriteFile(segmentPath(dir, 0), whole[:n], 0o600))
		l, all := open(t, dir, Config{})
		want := 0
		for want < 3 && int64(n) >= ends[want+1] {
			want++
		}
		if len(all) != want {
			t.Fatalf("cut off at %d of %d: %d records, want %d", n, len(whole), len(all), want)
		}
		torn := int64(n) != ends[want] && n != 0
		if (l.Damaged() > 0) != torn {
			t.Fatalf("cut off at %d: %d bytes damaged", n, l.Damaged())
		}
		add(t, l, "zz")
		must(t, l.Close())
		again, all := open(t, dir, Config{})
		if got := told(t, again, all); len(all) != want+1 || !strings.HasSuffix(got, fmt.Sprintf("%d=zz", want)) {
			t.Fatalf("cut off at %d, written to and opened again it holds %.40q", n, got)
		}
		must(t, again.Close())
	}
}

// Wherever a byte is changed, every other record is served, and what cannot be is said.
func TestADamagedRecordIsPassedOver(t *testing.T) {
	whole, ends := threeRecords(t)
	for i := len(magic); i < len(whole); i++ {
		dir := t.TempDir()
		changed := bytes.Clone(whole)
		changed[i] ^= 0x40
		must(t, os.WriteFile(segmentPath(dir, 0), changed, 0o600))
		l, _ := open(t, dir, Config{})
		add(t, l, "last") // so that nothing is at the end
		must(t, l.Close())
		l, all := open(t, dir, Config{})
		bad := 0
		for int64(i) >= ends[bad+1] {
			bad++
		}
		good := 0
		damaged := l.Damaged() > 0
		for _, r := range all {
			content, err := l.Read(r)
			damaged = damaged || errors.Is(err, ErrDamaged)
			if err == nil && r.Number != uint64(bad) && (r.Number == 3 && string(content) == "last" || r.Number < 3 && content[0] == "abc"[r.Number]) {
				good++
			}
		}
		if want := 3; good != want && (bad != 2 || good != 2) || !damaged { // the last one's number may be given again
			t.Fatalf("with byte %d, of record %d, changed: %q, %d bytes damaged", i, bad, told(t, l, all), l.Damaged())
		}
		must(t, l.Close())
	}
	dir := t.TempDir()
	whole[len(magic)-1]++
	must(t, os.WriteFile(segmentPath(dir, 0), whole, 0o600))
	if _, _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a file of another version: %v", err)
	}
}

// What the end of the machine left of a file's size without its content is no record.
func TestContentThatNeverCameToDisk(t *testing.T) {
	whole, ends := threeRecords(t)
	clear(whole[ends[1]+headSize:])
	dir := t.TempDir()
	must(t, os.WriteFile(segmentPath(dir, 0), whole, 0o600))
	l, all := open(t, dir, Config{})
	if got := told(t, l, all); got != "0=a" || l.Damaged() == 0 {
		t.Errorf("holds %q, %d damaged", got, l.Damaged())
	}
}

func TestFilesGoWhenAllInThemIsDoneWith(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Config{SegmentBytes: 1000})
	content := strings.Repeat("v", 300)
	for i := range uint64(100) {
		add(t, l, content)
		if i >= 5 {
			must(t, l.Trim(i-5))
		}
		if n := files(t, dir); n > 5 {
			t.Fatalf("%d files for 6 records", n)
		}
	}
	must(t, l.Trim(100))
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files for none", n)
	}
	must(t, l.Close())
	l, all := open(t, dir, Config{SegmentBytes: 1000})
	if len(all) == 0 || l.Next() != 100 {
		t.Errorf("%d records, the next is %d", len(all), l.Next())
	}
	must(t, l.Trim(100))
	if n := files(t, dir); n != 0 {
		t.Errorf("%d files of an earlier process for none", n)
	}
	r := add(t, l, "more")
	must(t, l.Sync(r))
	if got := told(t, l, []Record{r}); got != "100=more" {
		t.Error(got)
	}
}

// A large file goes at once though it takes more records; the next gets another.
func TestALargeFileThatIsDoneWithGoesAtOnce(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Config{})
	r := add(t, l, strings.Repeat("v", worthwhile))
	must(t, l.Trim(1))
	if n := files(t, dir); n != 0 {
		t.Errorf("%d files", n)
	}
	must(t, l.Sync(r)) // which is late
	add(t, l, "next")
	must(t, l.Close())
	l, all := open(t, dir, Config{})
	if got := told(t, l, all); got != "1=next" {
		t.Error(got)
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

func broken(l *Log) *brokenFile {
	last := l.segments[len(l.segments)-1]
	f := &brokenFile{file: last.file}
	last.file = f
	return f
}

func TestAFullDiskTakesNoHalves(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Config{})
	add(t, l, "a")
	f := broken(l)
	f.write = unix.ENOSPC
	if _, err := l.Append([]byte(strings.Repeat("b", 100)), 1, time.Now()); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("append on a full disk: %v", err)
	}
	info, err := os.Stat(segmentPath(dir, 0))
	must(t, err)
	if info.Size() != l.segments[0].size {
		t.Errorf("%d bytes, want the half that was written given back: %d", info.Size(), l.segments[0].size)
	}
	f.write = nil
	add(t, l, "c")
	must(t, l.Close())
	l, all := open(t, dir, Config{})
	if got := told(t, l, all); got != "0=a 1=c" || l.Damaged() != 0 {
		t.Errorf("holds %q, %d damaged", got, l.Damaged())
	}
}

func TestAFileThatCouldNotBeFlushedIsLeft(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Config{})
	safe := add(t, l, "a")
	must(t, l.Sync(safe))
	f := broken(l)
	f.flush = unix.EIO
	first, second := add(t, l, "b"), add(t, l, "c")
	if err := l.Sync(first); !errors.Is(err, unix.EIO) {
		t.Fatalf("sync: %v", err)
	}
	f.flush = nil
	if err := l.Sync(second); !errors.Is(err, unix.EIO) {
		t.Errorf("the flush after one that failed vouches for what was written before: %v", err)
	}
	next := add(t, l, "d")
	must(t, l.Sync(next))
	must(t, l.Sync(safe))
	for _, r := range []Record{first, second} {
		if err := l.Sync(r); !errors.Is(err, unix.EIO) {
			t.Errorf("record %d: %v", r.Number, err)
		}
	}
	if n := files(t, dir); n != 2 {
		t.Errorf("%d files, want another for what came after", n)
	}
}

func TestCallersShareAFlush(t *testing.T) {
	l, _ := open(t, t.TempDir(), Config{})
	last := add(t, l, "a")
	var flushed atomic.Int32
	broken(l).flushed = &flushed
	l.flush.Lock() // as while the disk is busy
	var all sync.WaitGroup
	for range 64 {
		r := add(t, l, "a")
		all.Go(func() { must(t, l.Sync(r)) })
		last = r
	}
	l.flush.Unlock()
	all.Wait()
	if n := flushed.Load(); n != 1 {
		t.Errorf("%d flushes for 64 callers", n)
	}
	must(t, l.Sync(last))
	if n := flushed.Load(); n != 1 {
		t.Errorf("flushed again with nothing new: %d", n)
	}
}

func FuzzScan(f *testing.F) {
	whole, ends := threeRecords(f)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole[:ends[1]+3]), whole[ends[1]:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x")
		must(t, os.WriteFile(path, data, 0o600))
		file, err := os.Open(path)
		must(t, err)
		defer file.Close()
		s := &segment{file: file, path: path}
		all, damaged, err := s.scan(int64(len(data)))
		if err != nil {
			return
		}
		whole, next := int64(len(magic)), uint64(0)
		for _, r := range all {
			if r.Number < next || r.at < whole || r.at+int64(r.Size) > int64(len(data)) {
				t.Fatalf("record %+v after %d, at %d of %d", r, next, whole, len(data))
			}
			if _, err := r.read(); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			next = r.Number + 1
			whole = r.at + int64(r.Size)
		}
		heads := int64(len(all)) * headSize
		for _, r := range all {
			heads += int64(r.Size)
		}
		if len(data) >= len(magic) && heads+damaged+int64(len(magic)) != int64(len(data)) {
			t.Fatalf("%d of records, %d damaged, of %d", heads, damaged, len(data))
		}
	})
}
