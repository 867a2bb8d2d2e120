package tail

import (
	"math"
	"os"
	"testing"
	"time"
)

func records(t *testing.T, dir string) (all []record) {
	t.Helper()
	j, err := openJournal(dir, func(r record) { all = append(all, r) })
	if err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestJournalEndsWhereItWasCutOff(t *testing.T) {
	dir := t.TempDir()
	j, err := openJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.append(appendStep(appendTrace(nil, TraceID{1}, 5, failed), 6, 1<<50), 7, 0); err != nil {
		t.Fatal(err)
	}
	if err := j.append(appendTrace(nil, TraceID{2}, 5, slow)[:recordSize-1], 7, 0); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	got := records(t, dir)
	if len(got) != 2 || got[0] != (record{recordTrace, failed, 5, TraceID{1}}) || got[1].second != 6 || got[1].threshold() != 1<<50 {
		t.Errorf("%+v", got)
	}
}

func TestJournalIsBounded(t *testing.T) {
	dir := t.TempDir()
	j, err := openJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for second := range int64(100 * fileSeconds) {
		if err := j.append(appendTrace(nil, TraceID{1}, second, failed), second, math.MinInt64); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != maxFiles {
		t.Errorf("%d files, %v; want %d", len(files), err, maxFiles)
	}
	const last = 100*fileSeconds + fileSeconds
	if err := j.append(appendTrace(nil, TraceID{1}, last, failed), last, last-200); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 5 {
		t.Errorf("%d files, %v: what is older than 200 seconds is of no use", len(files), err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnwrittenEvidenceIsCounted(t *testing.T) {
	dir := t.TempDir()
	tail := open(t, Config{Budget: 1, Dir: dir})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	tail.told(time.Unix(1_000_000, 0), Span{Trace: id(1, low), Failed: true})
	if got := tail.Stats().Unwritten; got != 1 {
		t.Errorf("%d writes failed, want 1", got)
	}
	if !tail.Judge(id(1, low), "").Keep {
		t.Error("not kept, though it is known")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(appendTrace(nil, TraceID{1}, 5, failed))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		read(b, func(record) { n++ })
		if n > len(b)/recordSize {
			t.Errorf("%d records of %d bytes", n, len(b))
		}
	})
}
