package queue

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dice is a sieve that leaves out what its process says: words with one of its letters,
// which are its note.
type dice struct {
	letters string

	mu    sync.Mutex
	noted []string
}

func (d *dice) Note(r *request, _ time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noted = append(d.noted, r.words...)
}

func (d *dice) Sift(r *request) (*request, []byte) {
	return d.Resift(r, []byte(d.letters)), []byte(d.letters)
}

func (*dice) Resift(r *request, note []byte) *request {
	return words(slices.DeleteFunc(r.words, func(w string) bool { return strings.ContainsAny(w, string(note)) })...)
}

func TestASieveWaitsAndLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, d := testConfig(t.TempDir()), newStore(), &dice{letters: "xy"}
		c.BatchItems, c.BatchWait = 3, time.Second
		q, stop := start(t, c, s, func(deps *Deps[*request]) { deps.Sieve, deps.Delay = d, 10*time.Second })
		must(t, q.Append(words("a", "x", "b")))
		must(t, q.Append(words("c")))
		time.Sleep(10*time.Second - time.Millisecond)
		must(t, q.Append(words("x", "y")))
		if n := s.tried(); n != 0 || !slices.Equal(d.noted, []string{"a", "x", "b", "c", "x", "y"}) {
			t.Errorf("%d tries before the delay is over, noted %q", n, d.noted)
		}
		time.Sleep(30 * time.Second)
		// Of the last nothing is left to send.
		got := s.told()
		slices.Sort(got) // they are sent at the same time
		if diff := cmp.Diff([]string{"a b", "c"}, got); diff != "" || s.dropped[Sifted] != 3 || q.cuts.Done() != 3 {
			t.Errorf("dropped %v, done %d, %s", s.dropped, q.cuts.Done(), diff)
		}
		stop()
	})
}

// A batch that was sifted is the same after a restart though the sieve is of another mind
// by then; what was not cut is for that one to decide.
func TestABatchIsSiftedOnce(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	c.BatchItems, c.BatchWait = 2, time.Hour
	s.answer(errAway, true)
	first := &dice{letters: "x"}
	q, stop := start(t, c, s, func(deps *Deps[*request]) { deps.Sieve = first })
	for _, w := range []string{"a1", "x1", "b2", "x2", "c3", "y3"} {
		must(t, q.Append(words(w)))
	}
	until(t, "two are under way", func() bool { return len(q.cuts.Open()) == 2 && s.tried() >= 4 })
	stop()
	before := s.told()
	s.batches, s.order = map[string][]string{}, nil // the store forgets: what is sent again counts
	s.answer(nil, false)
	second := &dice{letters: "y"}
	c.BatchWait = time.Millisecond
	_, stop = start(t, c, s, func(deps *Deps[*request]) { deps.Sieve = second })
	until(t, "all is stored", func() bool { return len(s.told()) == 3 })
	stop()
	got := s.told()
	slices.Sort(got)
	slices.Sort(before)
	if diff := cmp.Diff([]string{"a1", "b2", "c3"}, got); diff != "" || !slices.Equal(before, got[:2]) {
		t.Errorf("first %q, %s", before, diff)
	}
	if diff := cmp.Diff([]string{"a1", "x1", "b2", "x2", "c3", "y3"}, second.noted); diff != "" || s.dropped[Sifted] != 3 {
		t.Errorf("dropped %v, the next sieve was told of %s", s.dropped, diff)
	}
}
