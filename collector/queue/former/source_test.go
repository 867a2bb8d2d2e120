package former

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// left is a copy of what the version before this one left when it was killed: requests
// that were done with, one that the store had and the queue had not forgotten, a batch of
// two that was being sent, and three that waited.
func left(t *testing.T) (Config, string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS("testdata/journal")))
	return Config{Journal: filepath.Join(dir, "traces"), InFlight: filepath.Join(dir, "in-flight-traces"), Bolt: filepath.Join(dir, "bolt")}, dir
}

// told is the spans of each request.
func told(t *testing.T, s *Source) (all []string) {
	t.Helper()
	for i := range s.Len() {
		content, err := s.Read(i)
		must(t, err)
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(content)
		must(t, err)
		var names []string
		for _, rs := range td.ResourceSpans().All() {
			names = append(names, rs.ScopeSpans().At(0).Spans().At(0).Name())
		}
		all = append(all, strings.Join(names, " "))
	}
	return all
}

func TestWhatTheVersionBeforeLeft(t *testing.T) {
	c, dir := left(t)
	s, err := Open(c)
	must(t, err)
	want := []string{"flying-a flying-b flying-c", "", "", "", "waiting-a", "waiting-b waiting-c", "waiting-d"}
	if diff := cmp.Diff(want, told(t, s)); diff != "" || s.Damaged() != 0 {
		t.Errorf("%d damaged, %s", s.Damaged(), diff)
	}
	if diff := cmp.Diff([]string{"16f46c4ca15b4a4b2837b90cbf445486"}, s.Names()); diff != "" {
		t.Error(diff)
	}
	must(t, s.Remove())
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	}))
	if s, err := Open(c); s != nil || err != nil {
		t.Errorf("after it is removed: %v, %v", s, err)
	}
}

// What a crash of that version cut off is said, and the rest is read.
func TestDamageIsSaid(t *testing.T) {
	c, _ := left(t)
	files, err := journalFiles(c.Journal)
	must(t, err)
	last := files[len(files)-1]
	b, err := os.ReadFile(last)
	must(t, err)
	must(t, os.WriteFile(last, b[:len(b)-1], 0o600))
	must(t, os.WriteFile(filepath.Join(c.InFlight, "torn"), []byte{0x0a, 0x7f, 1}, 0o600))
	must(t, os.WriteFile(filepath.Join(c.InFlight, "draft"+draftSuffix), []byte{1}, 0o600))
	s, err := Open(c)
	must(t, err)
	if got := told(t, s); s.Damaged() < 2 || len(got) != 6 || got[5] != "waiting-b waiting-c" {
		t.Errorf("%d damaged, %q", s.Damaged(), got)
	}
}

func TestABoltFileIsRead(t *testing.T) {
	c := Config{Journal: t.TempDir(), Bolt: filepath.Join(t.TempDir(), "bolt")}
	db, err := bbolt.Open(c.Bolt, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(boltBucket)
		must(t, err)
		must(t, b.Put([]byte("qmv0"), []byte("of no use")))
		for _, i := range []int{10, 9} {
			td := ptrace.NewTraces()
			td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(fmt.Sprint("span", i))
			content, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
			must(t, err)
			must(t, b.Put(fmt.Append(nil, i), content))
		}
		return nil
	}))
	must(t, db.Close())
	s, err := Open(c)
	must(t, err)
	if diff := cmp.Diff([]string{"span9", "span10"}, told(t, s)); diff != "" {
		t.Error(diff)
	}
	must(t, s.Remove())
	if s, err := Open(c); s != nil || err != nil {
		t.Errorf("after it is removed: %v, %v", s, err)
	}
}

func TestPartsOfOther(t *testing.T) {
	for _, b := range [][]byte{{0x12, 0}, {0x08, 1}, {0x0a, 5, 1}, {0xff}} {
		if got, err := parts(b, nil); err == nil {
			t.Errorf("%x: %x", b, got)
		}
	}
	request := protowire.AppendString(protowire.AppendTag(nil, partField, protowire.BytesType), "a")
	request = protowire.AppendString(protowire.AppendTag(request, partField, protowire.BytesType), "b")
	var again []byte
	hashes, err := parts(request, func(_ uint64, element []byte) { again = append(again, element...) })
	if err != nil || len(hashes) != 2 || !bytes.Equal(again, request) {
		t.Errorf("%x of %x, %v", again, request, err)
	}
}

func FuzzScan(f *testing.F) {
	files, err := journalFiles("testdata/journal/traces")
	must(f, err)
	for _, path := range files {
		b, err := os.ReadFile(path)
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rest := scan(b, func(_ string, at, n int) {
			if at < 0 || n < 0 || at+n > len(b) {
				t.Fatalf("%d bytes at %d of %d", n, at, len(b))
			}
		})
		if rest < 0 || rest > len(b) {
			t.Fatalf("%d of %d left", rest, len(b))
		}
	})
}
