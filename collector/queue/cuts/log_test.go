package cuts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() }) // some are closed before
	return l
}

// told is what a log says.
func told(l *Log) string {
	var b strings.Builder
	fmt.Fprintf(&b, "done %d next %d", l.Done(), l.Next())
	if f := l.Former(); f.To > 0 {
		fmt.Fprintf(&b, " former %d-%d", f.From, f.To)
	}
	for _, c := range l.Open() {
		fmt.Fprintf(&b, " %s:%d-%d%s", c.Name, c.From, c.To, c.Note)
	}
	return b.String()
}

// over ends a batch.
func over(t testing.TB, l *Log, from uint64) uint64 {
	t.Helper()
	done, err := l.Over(from)
	must(t, err)
	return done
}

func TestCutsAreThereAgain(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	id := l.ID()
	steps := []struct {
		do   func()
		want string
	}{
		{func() { must(t, l.Begin(Cut{0, 10, "a", nil})) }, "done 0 next 10 a:0-10"},
		{func() { must(t, l.Begin(Cut{10, 15, "b", []byte("(note)")})) }, "done 0 next 15 a:0-10 b:10-15(note)"},
		{func() { over(t, l, 10) }, "done 0 next 15 a:0-10"},
		{func() { must(t, l.Begin(Cut{15, 16, "c", nil})) }, "done 0 next 16 a:0-10 c:15-16"},
		{func() { over(t, l, 0) }, "done 15 next 16 c:15-16"},
		{func() { must(t, l.SetFormer(Range{16, 20}, []string{"x", "y"})) }, "done 15 next 18 former 16-20 c:15-16 x:16-17 y:17-18"},
		{func() { over(t, l, 15) }, "done 16 next 18 former 16-20 x:16-17 y:17-18"},
		{func() { over(t, l, 99) }, "done 16 next 18 former 16-20 x:16-17 y:17-18"},
		{func() { over(t, l, 16); over(t, l, 17) }, "done 18 next 18 former 16-20"},
		{func() { must(t, l.SetFormer(Range{}, nil)) }, "done 18 next 18"},
	}
	for i, s := range steps {
		s.do()
		if got := told(l); got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
		must(t, l.Close())
		l = open(t, dir)
		if got := told(l); got != s.want || l.ID() != id || l.New() {
			t.Errorf("step %d, opened again: %q, want %q; id %s, want %s", i, got, s.want, l.ID(), id)
		}
	}
}

// The files take a day of batches and more, and are never larger.
func TestFilesKeepTheirSize(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for n := range uint64(20_000) {
		must(t, l.Begin(Cut{n * 10, n*10 + 10, fmt.Sprintf("%s-%d-%d", l.ID(), n*10, n*10+10), nil}))
		if n > 0 {
			over(t, l, (n-1)*10)
		}
	}
	want := told(l)
	if l.turn < 10 {
		t.Errorf("turn %d: nothing was written anew", l.turn)
	}
	for _, name := range []string{"cuts.a", "cuts.b"} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Size() != pageSize {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
	must(t, l.Close())
	if got := told(open(t, dir)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestANoteLargerThanAFile(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	note := bytes.Repeat([]byte("n"), 3*pageSize)
	must(t, l.Begin(Cut{0, 1, "a", note}))
	must(t, l.Begin(Cut{1, 2, "b", []byte("small")}))
	must(t, l.Close())
	l = open(t, dir)
	if diff := cmp.Diff([]Cut{{0, 1, "a", note}, {1, 2, "b", []byte("small")}}, l.Open()); diff != "" {
		t.Error(diff)
	}
	over(t, l, 0)
	must(t, l.Close())
	if got := told(open(t, dir)); got != "done 1 next 2 b:1-2small" {
		t.Error(got)
	}
}

// A file that ends anywhere, as after a crash, says what was said at some time before.
func TestAFileThatIsCutOffAnywhere(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	said := map[string]bool{"done 0 next 0": true}
	say := func() { said[told(l)] = true }
	for n := range uint64(4) {
		must(t, l.Begin(Cut{n, n + 1, "batch", []byte{'n'}}))
		say()
		over(t, l, n)
		say()
	}
	file := filepath.Join(dir, []string{"cuts.a", "cuts.b"}[l.at])
	end := l.files[l.at].at
	must(t, l.Close())
	whole, err := os.ReadFile(file)
	must(t, err)
	for n := range end + 1 {
		for _, rest := range [][]byte{nil, make([]byte, 100), bytes.Repeat([]byte{0xff}, 100)} {
			cut := t.TempDir()
			must(t, os.WriteFile(filepath.Join(cut, "cuts.b"), append(bytes.Clone(whole[:n]), rest...), 0o600))
			l := open(t, cut)
			if got := told(l); !said[got] {
				t.Fatalf("cut off at %d of %d: %q was never said", n, end, got)
			}
			next := l.Next()
			must(t, l.Begin(Cut{next, next + 5, "new", nil}))
			must(t, l.Close())
			if l = open(t, cut); l.Next() != next+5 {
				t.Fatalf("cut off at %d, written to and opened again: %q", n, told(l))
			}
			must(t, l.Close())
		}
	}
}

// fullFile takes no more.
type fullFile struct {
	file
	full *bool
}

func (f fullFile) WriteAt(b []byte, at int64) (int, error) {
	if *f.full {
		return 0, unix.ENOSPC
	}
	return f.file.WriteAt(b, at)
}

// What could not be written is written with the next that can be.
func TestWithoutRoomItGoesOn(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	var full bool
	for _, p := range l.files {
		p.file = fullFile{p.file, &full}
	}
	must(t, l.Begin(Cut{0, 1, "a", nil}))
	full = true
	if err := l.Begin(Cut{1, 2, "b", nil}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("begin on a full disk: %v", err)
	}
	if done, err := l.Over(0); done != 1 || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("done %d, %v", done, err)
	}
	full = false
	must(t, l.Begin(Cut{2, 3, "c", nil}))
	want := "done 1 next 3 b:1-2 c:2-3"
	if got := told(l); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	must(t, l.Close())
	if got := told(open(t, dir)); got != want {
		t.Errorf("opened again: %q, want %q", got, want)
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	l := open(f, dir)
	must(f, l.Begin(Cut{0, 10, "a", []byte("note")}))
	over(f, l, 0)
	must(f, l.Close())
	b, err := os.ReadFile(filepath.Join(dir, "cuts.b"))
	must(f, err)
	f.Add(b[:200])
	f.Add(beginEntry(Cut{3, 4, "b", nil}))
	f.Add((&state{id: "x", cuts: []cut{{Cut: Cut{1, 2, "c", nil}, over: true}}}).entry())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 {
			var s state
			if s.apply(b) == nil {
				var again state
				must(t, again.apply(s.entry()))
				if diff := cmp.Diff(s.entry(), again.entry()); diff != "" {
					t.Fatal(diff)
				}
			}
		}
		path := filepath.Join(t.TempDir(), "x")
		must(t, os.WriteFile(path, b, 0o600))
		p, err := openPage(path)
		must(t, err)
		defer p.file.Close()
		_, _, _ = p.read() // whatever it says
	})
}
