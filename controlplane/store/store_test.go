package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type note struct{ Text string }

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTable(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir())
	notes := TableOf[note](s, "notes")

	if _, err := notes.Get(ctx, "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("get of nothing: got %v, want ErrNotFound", err)
	}
	if err := notes.Create(ctx, "a", note{"one"}); err != nil {
		t.Fatal(err)
	}
	if err := notes.Create(ctx, "a", note{"two"}); !errors.Is(err, ErrExists) {
		t.Errorf("second create: got %v, want ErrExists", err)
	}
	if err := notes.Update(ctx, "a", func(n note) (note, error) { return note{n.Text + "!"}, nil }); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("no")
	if err := notes.Update(ctx, "a", func(n note) (note, error) { return n, stop }); !errors.Is(err, stop) {
		t.Errorf("update that refuses: got %v, want its error", err)
	}
	got, err := notes.GetOrCreate(ctx, "a", func() (note, error) { return note{}, stop })
	if err != nil || got.Text != "one!" {
		t.Errorf("got %q, %v, want one!", got.Text, err)
	}
	if got, err = notes.GetOrCreate(ctx, "b", func() (note, error) { return note{"made"}, nil }); err != nil || got.Text != "made" {
		t.Errorf("got %q, %v, want made", got.Text, err)
	}
	items, revision, err := notes.List(ctx)
	if err != nil || len(items) != 2 || items[0].Key != "a" || items[1].Key != "b" {
		t.Fatalf("list: got %+v, %v, want a and b", items, err)
	}
	if err := s.Commit(ctx, []Guard{notes.UnchangedSince(revision)}, notes.Delete("a"), notes.Put("c", note{"new"})); err != nil {
		t.Fatal(err)
	}
	if items, _, err = notes.ListAt(ctx, revision); err != nil || len(items) != 2 || items[0].Key != "a" {
		t.Errorf("list as of then: got %+v, %v, want a and b", items, err)
	}
	if err := s.Commit(ctx, []Guard{notes.UnchangedSince(revision)}, notes.Put("d", note{})); !errors.Is(err, ErrConflict) {
		t.Errorf("commit on an old view: got %v, want ErrConflict", err)
	}
}

func TestNewestAndDeleteOldest(t *testing.T) {
	ctx := t.Context()
	notes := TableOf[note](open(t, t.TempDir()), "notes")
	for i := range 10 {
		if err := notes.Create(ctx, strconv.Itoa(i), note{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := notes.DeleteOldest(ctx, 6); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		below, above string
		limit        int64
		want         []string
	}{
		{"", "", 2, []string{"9", "8"}},
		{"8", "", 3, []string{"7", "6", "5"}},
		{"", "7", 10, []string{"9", "8"}},
		{"", "", 100, []string{"9", "8", "7", "6", "5", "4"}},
	} {
		items, err := notes.Newest(ctx, c.below, c.above, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range items {
			got = append(got, i.Key)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("newest below %q above %q: %s", c.below, c.above, diff)
		}
	}
}

func TestLeasedValueGoesWithItsLease(t *testing.T) {
	t.Parallel()
	const life = 5 * time.Second // which a busy machine does not sleep through
	ctx := t.Context()
	s := open(t, t.TempDir())
	notes := TableOf[note](s, "notes")
	gone := make(chan struct{})
	go s.Follow(ctx, []string{"notes"}, func(b Batch) {
		if !b.Whole && len(b.Changes) > 0 && b.Changes[0].Removed {
			close(gone)
		}
	})
	lease, err := s.Grant(ctx, life)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, nil, notes.PutLeased("a", note{"here"}, lease)); err != nil {
		t.Fatal(err)
	}
	keep, stop := context.WithCancel(ctx)
	kept := make(chan error, 1)
	go func() { kept <- s.Keep(keep, lease) }()
	select {
	case <-gone:
		t.Fatal("value went although its lease was kept")
	case <-time.After(life * 3 / 2):
	}
	stop()
	if err := <-kept; err != nil {
		t.Errorf("keep ended with %v, want nil", err)
	}
	<-gone
	if err := s.Renew(ctx, lease); !errors.Is(err, ErrLeaseGone) {
		t.Errorf("renewal of a lease that ran out: got %v, want ErrLeaseGone", err)
	}
}

// A follower that keeps a copy has what the store has, whatever it missed.
func TestFollowTellsOfAllAndOfEveryChange(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	notes, others := TableOf[note](s, "notes"), TableOf[note](s, "others")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(notes.Create(ctx, "a", note{"one"}))
	must(others.Create(ctx, "a", note{"hidden"}))
	batches := make(chan Batch, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Follow(ctx, []string{"notes"}, func(b Batch) { batches <- b })
	}()
	want := func(whole bool, want ...string) {
		t.Helper()
		b := <-batches
		got := []string{}
		for _, c := range b.Changes {
			var n note
			if !c.Removed {
				must(c.Decode(&n))
			}
			got = append(got, c.Key+"="+n.Text)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || b.Whole != whole || b.Seen.IsZero() || b.Revision == 0 {
			t.Errorf("batch %+v: %s", b, diff)
		}
	}
	want(true, "a=one")
	must(s.Commit(ctx, nil, notes.Put("a", note{"two"}), notes.Put("b", note{"new"}), others.Put("c", note{})))
	want(false, "a=two", "b=new")
	must(s.Commit(ctx, nil, others.Put("c", note{"again"})))
	want(false)
	must(s.Commit(ctx, nil, notes.Delete("a")))
	want(false, "a=")
	stop()
	<-done
}

func TestStateSurvivesARestart(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s, err := Open(ctx, Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := s.Grant(ctx, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, nil, TableOf[note](s, "notes").PutLeased("a", note{"here"}, lease)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	s = open(t, dir)
	t.Logf("opened again in %s", time.Since(start))
	item, err := TableOf[note](s, "notes").Item(ctx, "a")
	if err != nil || item.Lease != lease {
		t.Fatalf("got %+v, %v, want the value with lease %d", item, err, lease)
	}
	if err := s.Renew(ctx, lease); err != nil {
		t.Errorf("lease after the restart: %v", err)
	}
}

func TestSecondProcessIsTold(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := Open(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("opening a directory twice: got %v, want ErrInUse", err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etcd")
	open(t, dir)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
