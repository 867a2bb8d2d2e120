package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// noted are puts of plenty of notes with one text, and the mark of their table.
func noted(s *Store, text string) []Op {
	notes := TableOf[note](s, "notes")
	ops := []Op{notes.Mark()}
	for i := range plenty {
		ops = append(ops, notes.Put(fmt.Sprintf("%05d", i), note{text}))
	}
	return ops
}

const plenty = commitOps + 500

// texts are what notes say, and how many say it.
func texts(items []Item[note]) map[string]int {
	out := map[string]int{}
	for _, i := range items {
		out[i.Value.Text]++
	}
	return out
}

// copied keeps what a follower is told, and complains of what is half of one commit.
type copied struct {
	t    *testing.T
	all  map[string]string
	seen chan string // the text of all, as it changes
	last string
}

func (c *copied) tell(b Batch) {
	if b.Whole {
		c.all = map[string]string{}
	}
	for _, ch := range b.Changes {
		var n note
		if ch.Removed {
			delete(c.all, ch.Key)
			continue
		}
		if err := ch.Decode(&n); err != nil {
			c.t.Error(err)
		}
		c.all[ch.Key] = n.Text
	}
	same := map[string]int{}
	for _, text := range c.all {
		same[text]++
	}
	for text, n := range same {
		if len(same) > 1 || n != plenty {
			c.t.Errorf("a follower is told of %v", same)
			return
		}
		if text != c.last {
			c.last = text
			c.seen <- text
		}
	}
}

func follow(t *testing.T, s *Store) *copied {
	t.Helper()
	c := &copied{t: t, seen: make(chan string, 100)}
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { s.Follow(ctx, []string{"notes"}, c.tell) })
	t.Cleanup(func() { stop(); done.Wait() })
	return c
}

func (c *copied) want(text string) {
	c.t.Helper()
	select {
	case got := <-c.seen:
		if got != text {
			c.t.Errorf("told of %q, want %q", got, text)
		}
	case <-time.After(time.Minute):
		c.t.Fatalf("not told of %q", text)
	}
}

func TestALargeCommitIsSeenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	notes := TableOf[note](s, "notes")
	if err := s.CommitLarge(t.Context(), nil, noted(s, "one")...); err != nil {
		t.Fatal(err)
	}
	c := follow(t, s)
	c.want("one")
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			items, _, _, err := notes.Settled(t.Context())
			if Away(err) {
				continue // a busy machine's etcd may not answer in time
			}
			if same := texts(items); err != nil || len(same) != 1 || len(items) != plenty {
				t.Errorf("a reader has %v, %v", same, err)
				return
			}
		}
	})
	for _, text := range []string{"two", "three"} {
		if err := s.CommitLarge(t.Context(), nil, noted(s, text)...); err != nil {
			t.Fatal(err)
		}
		c.want(text)
	}
	close(stop)
	reading.Wait()
	if held, err := s.Holds(t.Context(), Staged, Pending); err != nil || held != nil {
		t.Errorf("left over are %v, %v", held, err)
	}
	if err := s.Commit(t.Context(), nil, notes.Put("00000", note{"three"})); err != nil {
		t.Fatal(err)
	}
}

// Who makes a large commit may be killed before it is settled: others bring it to its end,
// be they followers, readers or who has it half done already.
func TestALargeCommitOutlivesWhoMadeIt(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	if err := s.CommitLarge(t.Context(), nil, noted(s, "one")...); err != nil {
		t.Fatal(err)
	}
	c := follow(t, s)
	c.want("one")
	if err := s.decide(t.Context(), nil, noted(s, "two")); err != nil {
		t.Fatal(err)
	}
	c.want("two") // nobody else looks

	if err := s.decide(t.Context(), nil, noted(s, "three")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Put(t.Context(), root+"notes/00000", `{"Text":"three"}`); err != nil { // as far as it came
		t.Fatal(err)
	}
	items, _, _, err := TableOf[note](s, "notes").Settled(t.Context())
	for Away(err) { // a busy machine's etcd may not answer in time
		items, _, _, err = TableOf[note](s, "notes").Settled(t.Context())
	}
	if same := texts(items); err != nil || same["three"] != plenty {
		t.Errorf("a reader has %v, %v", same, err)
	}
	c.want("three")
}

func TestALargeCommitHeedsItsGuards(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	notes := TableOf[note](s, "notes")
	_, _, before, err := notes.Settled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CommitLarge(t.Context(), []Guard{notes.UnmarkedSince(before)}, noted(s, "one")...); err != nil {
		t.Fatal(err)
	}
	for name, commit := range map[string]func() error{
		"large": func() error {
			return s.CommitLarge(t.Context(), []Guard{notes.UnmarkedSince(before)}, noted(s, "late")...)
		},
		"small": func() error {
			return s.Commit(t.Context(), []Guard{notes.UnmarkedSince(before)}, notes.Put("00000", note{"late"}))
		},
	} {
		if err := commit(); err != ErrConflict { //nolint:errorlint // it is returned bare
			t.Errorf("%s on an old view: %v, want ErrConflict", name, err)
		}
	}
	if held, err := s.Holds(t.Context(), Staged, Pending); err != nil || held != nil {
		t.Errorf("left over are %v, %v", held, err)
	}
	many := make([]Op, largeOps+1)
	for i := range many {
		many[i] = notes.Delete("x")
	}
	for name, ops := range map[string][]Op{
		"20000": many,
		"MiB":   {notes.Put("a", note{strings.Repeat("x", largeBytes)}), notes.Put("b", note{"b"})},
	} {
		for _, commit := range []func() error{
			func() error { return s.CommitLarge(t.Context(), nil, ops...) },
			func() error { return s.Rehearse(t.Context(), ops...) },
		} {
			if err := commit(); !errors.Is(err, ErrTooMuch) || !strings.Contains(err.Error(), name) {
				t.Errorf("too much: %v, want to be told of %s", err, name)
			}
		}
	}
}

// Parts that were laid by and never made go with the next large commit.
func TestWhatWasNeverMadeIsForgotten(t *testing.T) {
	s := open(t, t.TempDir())
	old := partKey(fmt.Sprintf("%014x", time.Now().Add(-2*forgotten).UnixMicro())+"ABCDEFGH", 0)
	young := partKey(fmt.Sprintf("%014x", time.Now().UnixMicro())+"ABCDEFGH", 0)
	for _, key := range []string{old, young} {
		if _, err := s.client.Put(t.Context(), key, "[]"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CommitLarge(t.Context(), nil, noted(s, "one")...); err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Get(t.Context(), root+Staged+"/", clientv3.WithPrefix())
	if err != nil || len(res.Kvs) != 1 || string(res.Kvs[0].Key) != young {
		t.Errorf("left are %v, %v, want the young one: somebody may be about to make it", res.Kvs, err)
	}
}

// Three members, each with a follower, all of which may settle what one has made.
func TestALargeCommitOnThreeMembers(t *testing.T) {
	t.Parallel()
	all := members(t, makeFiles(t))
	if err := all[0].CommitLarge(t.Context(), nil, noted(all[0], "one")...); err != nil {
		t.Fatal(err)
	}
	var told []*copied
	for _, s := range all {
		c := follow(t, s)
		c.want("one")
		told = append(told, c)
	}
	if err := all[1].decide(t.Context(), nil, noted(all[1], "two")); err != nil {
		t.Fatal(err)
	}
	var settling sync.WaitGroup
	for _, s := range all {
		settling.Go(func() {
			if err := s.Settle(t.Context()); err != nil && !Away(err) {
				t.Error(err)
			}
		})
	}
	for _, c := range told {
		c.want("two")
	}
	settling.Wait()
}
