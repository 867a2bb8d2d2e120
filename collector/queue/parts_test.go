package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is kept of requests is what is sent, in their order, whether it was made when they
// came, read back from disk, or left by an earlier process.
func TestPartsAreSentInOrder(t *testing.T) {
	c, s := testConfig(t.TempDir()), newStore()
	c.BatchBytes, c.BatchItems, c.BatchWait = 1<<30, 6, time.Hour
	s.answer(errAway, false)
	q, stop := start(t, c, s, rendered)
	long := strings.Repeat("x", keptBytes/8) // most of them are not kept
	var want []string
	for i := range 12 {
		word := fmt.Sprint("w", i)
		must(t, q.Append(words(word, long)))
		want = append(want, word, long)
	}
	until(t, "two are under way", func() bool { return len(q.cuts.Open()) == 2 })
	must(t, q.Append(words("last")))
	stop()
	s.answer(nil, false)
	c.BatchWait = time.Millisecond
	q, stop = start(t, c, s, rendered)
	until(t, "all is stored", func() bool { return len(s.words()) >= len(want)+1 })
	stop()
	all := s.told()
	slices.SortFunc(all, func(a, b string) int { return numberOf(a) - numberOf(b) }) // they are sent at the same time
	if diff := cmp.Diff(append(want, "last"), strings.Fields(strings.Join(all, " "))); diff != "" {
		t.Error(diff[:min(len(diff), 1000)])
	}
	if q.kept != 0 || q.items != 0 || q.count != 0 || q.bytes != 0 {
		t.Errorf("%d bytes kept, %d items, %d of them and %d bytes waiting", q.kept, q.items, q.count, q.bytes)
	}
}

// numberOf is that of a batch's first word.
func numberOf(batch string) int {
	var n int
	if _, err := fmt.Sscanf(batch, "w%d ", &n); err != nil {
		return 100 // the last
	}
	return n
}

// A sieve sees requests; what it leaves of them is made a part.
func TestWhatIsSiftedIsRenderedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, d := testConfig(t.TempDir()), newStore(), &dice{letters: "x"}
		c.BatchItems, c.BatchWait = 3, time.Second
		q, stop := start(t, c, s, rendered, func(deps *Deps[*request]) { deps.Sieve, deps.Delay = d, time.Second })
		must(t, q.Append(words("a", "x")))
		must(t, q.Append(words("b", "xx")))
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"a b"}, s.told()); diff != "" || s.dropped[Sifted] != 2 {
			t.Errorf("dropped %v, %s", s.dropped, diff)
		}
		stop()
	})
}
