package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap/zaptest"

	"github.com/sightline-mesh/sightline/collector/queue/cuts"
)

func TestABatchIsCutByItemsBytesAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := testConfig(t.TempDir()), newStore()
		c.BatchItems, c.BatchBytes, c.BatchWait = 3, 20, time.Second
		q, stop := start(t, c, s)
		check := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, s.told()); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		must(t, q.Append(words("a")))
		time.Sleep(600 * time.Millisecond)
		must(t, q.Append(words("b")))
		time.Sleep(399 * time.Millisecond)
		check("before its time")
		time.Sleep(time.Millisecond)
		check("a second after the first", "a b")
		must(t, q.Append(words("c", "d")))
		must(t, q.Append(words("e", "f")))
		check("by items, of whole requests", "a b", "c d e f")
		must(t, q.Append(words("g"+strings.Repeat("g", 20))))
		check("by bytes", "a b", "c d e f", "g"+strings.Repeat("g", 20))
		must(t, q.Append(words()))
		time.Sleep(time.Hour)
		if n := s.tried(); n != 3 {
			t.Errorf("%d tries", n)
		}
		stop()
	})
}

// What comes all the time makes a batch at every interval; what comes alone does not wait for
// one to end.
func TestBatchesKeepTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := testConfig(t.TempDir()), newStore()
		c.BatchItems, c.BatchWait, c.BatchEvery = 5, 100*time.Millisecond, time.Second
		q, stop := start(t, c, s)
		check := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, s.told()); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		must(t, q.Append(words("a")))
		time.Sleep(100 * time.Millisecond)
		check("the first", "a")
		must(t, q.Append(words("b")))
		time.Sleep(500 * time.Millisecond)
		must(t, q.Append(words("c")))
		time.Sleep(499 * time.Millisecond)
		check("before a second is over", "a")
		time.Sleep(time.Millisecond)
		check("a second after the first", "a", "b c")
		must(t, q.Append(words("d", "e", "f", "g", "h")))
		check("a full one", "a", "b c", "d e f g h")
		must(t, q.Append(words("i")))
		time.Sleep(999 * time.Millisecond)
		check("before a second is over", "a", "b c", "d e f g h")
		time.Sleep(time.Hour)
		check("a second after the full one", "a", "b c", "d e f g h", "i")
		stop()
	})
}

func TestAStoreThatIsAwayIsTriedUntilItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := testConfig(t.TempDir()), newStore()
		c.RetryFirst, c.RetryMost = 200*time.Millisecond, 5*time.Second
		s.answer(errAway, true) // it stores, and the answer is lost
		q, stop := start(t, c, s)
		must(t, q.Append(words("a", "b")))
		time.Sleep(time.Hour)
		if n := s.tried(); n < 3600/8 || n > 3600/2 {
			t.Errorf("%d tries in an hour", n)
		}
		s.answer(nil, false)
		time.Sleep(10 * time.Second)
		n := s.tried()
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"a b"}, s.told()); diff != "" || s.tried() != n {
			t.Errorf("%d tries after it was stored, %s", s.tried()-n, diff)
		}
		stop()
	})
}

// A batch of which the store refuses some takes many inserts: it is not begun anew after the
// time of one.
func TestATryMayTakeMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := testConfig(t.TempDir()), newStore()
		s.takes = 5 * time.Minute
		q, stop := start(t, c, s)
		must(t, q.Append(words("a")))
		time.Sleep(time.Hour)
		if n := s.tried(); n != 1 || len(s.told()) != 1 {
			t.Errorf("%d tries, stored %q", n, s.told())
		}
		stop()
	})
}

func TestWhatTheStoreRefusesForGoodIsNotTriedAgain(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	s.answer(errBroken, false)
	q, stop := start(t, c, s)
	must(t, q.Append(words("a")))
	until(t, "it is tried", func() bool { return s.tried() == 1 })
	until(t, "it is over", func() bool { return q.cuts.Done() == 1 })
	stop()
	s.answer(nil, false)
	q, _ = start(t, c, s)
	must(t, q.Append(words("b")))
	until(t, "the next is stored", func() bool { return len(s.told()) > 0 })
	if diff := cmp.Diff([]string{"b"}, s.told()); diff != "" || s.received != 0 {
		t.Errorf("%d received, %s", s.received, diff)
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	c.Items = 5
	s.answer(errAway, false)
	q, _ := start(t, c, s)
	must(t, q.Append(words("a", "b")))
	must(t, q.Append(words("c", "d", "e")))
	if err := q.Append(words("f")); !errors.Is(err, ErrFull) {
		t.Errorf("a full queue answers %v", err)
	}
	s.answer(nil, false)
	until(t, "there is room", func() bool { return q.Append(words("f")) == nil })
	until(t, "all is stored", func() bool { return len(s.words()) == 6 })
}

// What the process before cut, and did not hear of, is sent again as it was; what it did
// not cut follows, though more of it is due at a time.
func TestTheNextProcessSendsTheSameBatches(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprint("stored ", stored), func(t *testing.T) {
			c, s := testConfig(t.TempDir()), newStore()
			c.BatchItems, c.BatchWait = 2, time.Hour
			s.answer(errAway, stored)
			q, stop := start(t, c, s)
			var want []string
			for i := range 20 {
				word := fmt.Sprint("w", i)
				must(t, q.Append(words(word)))
				want = append(want, word)
			}
			until(t, "two are under way", func() bool { return len(q.cuts.Open()) == 2 })
			until(t, "both were tried", func() bool { return s.tried() >= 4 })
			stop()
			s.answer(nil, false)
			c.BatchItems, c.BatchWait = 100, time.Millisecond
			_, stop = start(t, c, s)
			until(t, "all is stored", func() bool { return len(s.words()) >= 20 })
			stop()
			if diff := cmp.Diff(want, sorted(s.words())); diff != "" || s.received != 20 {
				t.Errorf("%d received, %s", s.received, diff)
			}
			if n := len(s.told()); n != 3 {
				t.Errorf("%d batches: %q", n, s.told())
			}
			files, err := filepath.Glob(filepath.Join(c.Directory, "*.segment"))
			if err != nil || len(files) > 0 {
				t.Errorf("%q are left, %v", files, err)
			}
		})
	}
}

// sorted orders words by their numbers.
func sorted(all []string) []string {
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return all
}

// What is read from disk, as when the store was away for long, is what was written.
func TestMoreThanIsKeptDecoded(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	c.BatchBytes = 1 << 30
	s.answer(errAway, false)
	q, stop := start(t, c, s)
	long := strings.Repeat("x", keptBytes/8)
	for i := range 16 {
		must(t, q.Append(words(fmt.Sprint("w", i), long)))
	}
	s.answer(nil, false)
	until(t, "all is stored", func() bool { return len(s.words()) == 32 })
	for i, w := range s.words() {
		if i%2 == 1 && w != long {
			t.Errorf("word %d has %d bytes", i, len(w))
		}
	}
	stop()
	if q.kept != 0 || q.items != 0 || q.count != 0 || q.bytes != 0 {
		t.Errorf("%d bytes kept, %d items, %d of them and %d bytes waiting", q.kept, q.items, q.count, q.bytes)
	}
}

func TestADamagedRequestIsCountedAndTheRestIsSent(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	s.answer(errAway, false)
	c.BatchItems = 100
	q, stop := start(t, c, s)
	for _, w := range []string{"first", "second", "third"} {
		must(t, q.Append(words(w, w)))
	}
	stop()
	file := filepath.Join(c.Directory, fmt.Sprintf("%016x.segment", 0))
	b, err := os.ReadFile(file)
	must(t, err)
	b[strings.Index(string(b), "second")]++
	must(t, os.WriteFile(file, b, 0o600))
	s.answer(nil, false)
	_, stop = start(t, c, s)
	until(t, "the rest is stored", func() bool { return len(s.words()) == 4 })
	stop()
	if s.received != 6 || s.dropped[Damaged] != 2 {
		t.Errorf("received %d, dropped %v", s.received, s.dropped)
	}
	if start(t, c, s); s.received != 6 {
		t.Errorf("received %d: it is there again", s.received)
	}
}

// Without what was known of batches all is sent, under names that no store has.
func TestWithoutTheCutsNothingIsLost(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	s.answer(errAway, false)
	q, stop := start(t, c, s)
	must(t, q.Append(words("a", "b")))
	until(t, "it is tried", func() bool { return s.tried() > 0 })
	stop()
	must(t, errors.Join(os.Remove(filepath.Join(c.Directory, "cuts.a")), os.Remove(filepath.Join(c.Directory, "cuts.b"))))
	s.answer(nil, false)
	start(t, c, s)
	until(t, "all is stored", func() bool { return len(s.words()) == 2 })
}

// A record whose number a cut has already, as when the end of the machine took it from the
// disk, is not given again: the store would take what has it for what it has.
func TestNumbersOfACutAreNotGivenAgain(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	s.answer(errAway, true)
	q, stop := start(t, c, s)
	must(t, q.Append(words("a")))
	until(t, "it is tried", func() bool { return s.tried() > 0 })
	stop()
	must(t, os.Remove(filepath.Join(c.Directory, fmt.Sprintf("%016x.segment", 0))))
	s.answer(nil, false)
	q, _ = start(t, c, s)
	must(t, q.Append(words("b")))
	until(t, "both are stored", func() bool { return len(s.words()) == 2 })
}

// tracesStore is the names of spans by the batch that they were stored in.
func tracesDeps(t *testing.T, s *store) Deps[ptrace.Traces] {
	return Deps[ptrace.Traces]{
		Prepare: func(c Content[ptrace.Traces], name string) func(context.Context) error {
			var names []string
			for _, rs := range c.Request.ResourceSpans().All() {
				names = append(names, rs.ScopeSpans().At(0).Spans().At(0).Name())
			}
			return s.prepare(Content[*request]{Request: words(names...)}, name)
		},
		Books: s, Log: zaptest.NewLogger(t),
	}
}

// former is a copy of what the version before this one left: see package former.
func formerDir(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS("former/testdata/journal")))
	c := testConfig(filepath.Join(dir, "traces"))
	c.Former.InFlight = filepath.Join(dir, "in-flight-traces")
	return c
}

func spans(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, name := range names {
		td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
	}
	return td
}

const flying = "16f46c4ca15b4a4b2837b90cbf445486" // the batch that the version before was sending

// What an earlier version left is stored once, what it was sending under the name that it
// had, before what comes now, whatever becomes of the process meanwhile.
func TestAnEarlierVersionsQueueIsSent(t *testing.T) {
	c, s := formerDir(t), newStore()
	c.BatchItems = 2
	s.answer(errAway, false)
	q := NewTraces(c, tracesDeps(t, s))
	must(t, q.Start(t.Context(), nil))
	must(t, q.ConsumeTraces(t.Context(), spans("new")))
	until(t, "it is tried", func() bool { return s.tried() > 3 })
	must(t, q.Shutdown(t.Context()))
	if s.received != 7 {
		t.Errorf("%d received", s.received)
	}
	s.answer(nil, false)
	q = NewTraces(c, tracesDeps(t, s))
	must(t, q.Start(t.Context(), nil))
	until(t, "all is stored", func() bool { return len(s.words()) == 8 })
	until(t, "the files of the earlier version are gone", func() bool {
		_, err := os.Stat(c.Former.InFlight)
		return errors.Is(err, fs.ErrNotExist)
	})
	must(t, q.ConsumeTraces(t.Context(), spans("newer")))
	until(t, "what comes is stored", func() bool { return len(s.words()) == 9 })
	must(t, q.Shutdown(t.Context()))
	want := []string{"flying-a", "flying-b", "flying-c", "new", "newer", "waiting-a", "waiting-b", "waiting-c", "waiting-d"}
	got := s.words()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"flying-a", "flying-b", "flying-c"}, s.batches[flying]); diff != "" {
		t.Error(diff)
	}
	s.received = 0
	q = NewTraces(c, tracesDeps(t, s))
	must(t, q.Start(t.Context(), nil))
	must(t, q.Shutdown(t.Context()))
	if s.received != 0 {
		t.Errorf("%d are there again", s.received)
	}
}

// An earlier version that ran in between leaves its queue beside what this one has.
func TestAnEarlierVersionRanInBetween(t *testing.T) {
	c, s := formerDir(t), newStore()
	s.answer(errAway, false)
	must(t, os.Rename(c.Directory, c.Directory+".later"))
	q := NewTraces(c, tracesDeps(t, s))
	must(t, q.Start(t.Context(), nil))
	must(t, q.ConsumeTraces(t.Context(), spans("before")))
	must(t, q.Shutdown(t.Context()))
	must(t, os.CopyFS(c.Directory, os.DirFS(c.Directory+".later")))
	s.answer(nil, false)
	q = NewTraces(c, tracesDeps(t, s))
	must(t, q.Start(t.Context(), nil))
	until(t, "all is stored", func() bool { return len(s.words()) >= 8 })
	must(t, q.Shutdown(t.Context()))
	want := []string{"before", "flying-a", "flying-b", "flying-c", "waiting-a", "waiting-b", "waiting-c", "waiting-d"}
	got := s.words()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A queue that is on its way from an earlier version and was killed as it removed what that
// had left goes on without.
func TestKilledWhileTheEarlierVersionsFilesWereRemoved(t *testing.T) {
	c, s := formerDir(t), newStore()
	must(t, errors.Join(os.RemoveAll(c.Directory), os.RemoveAll(c.Former.InFlight), os.MkdirAll(c.Directory, 0o700)))
	l, err := cuts.Open(c.Directory)
	must(t, err)
	must(t, l.SetFormer(cuts.Range{From: 0, To: 7}, nil))
	must(t, l.Begin(cuts.Cut{From: 0, To: 7, Name: "all"}))
	_, err = l.Over(0)
	must(t, errors.Join(err, l.Close()))
	q := NewTraces(c, tracesDeps(t, s))
	must(t, q.Start(t.Context(), nil))
	must(t, q.ConsumeTraces(t.Context(), spans("new")))
	until(t, "what comes is stored", func() bool { return len(s.words()) == 1 })
	must(t, q.Shutdown(t.Context()))
	if l, err = cuts.Open(c.Directory); err != nil || l.Former() != (cuts.Range{}) || l.Done() != 8 {
		t.Errorf("former %v, done %d, %v", l.Former(), l.Done(), err)
	}
	must(t, l.Close())
}

func TestConfigIsChecked(t *testing.T) {
	c := Default()
	c.Directory = "somewhere"
	must(t, c.Validate())
	for field, change := range map[string]func(*Config){
		"directory":   func(c *Config) { c.Directory = "" },
		"items":       func(c *Config) { c.Items = 0 },
		"batch_items": func(c *Config) { c.BatchItems = -1 },
		"batch_wait":  func(c *Config) { c.BatchWait = 0 },
		"timeout":     func(c *Config) { c.Timeout = -time.Second },
	} {
		bad := c
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
