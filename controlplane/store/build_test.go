package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// trio are three members on loopback, each with its directory.
type trio struct {
	peers string
	dirs  map[string]string
}

func newTrio(t *testing.T) trio {
	t.Helper()
	out := trio{dirs: map[string]string{}}
	var peers []string
	for _, name := range []string{"a", "b", "c"} {
		peers = append(peers, name+"=http://"+freeAddress(t))
		out.dirs[name] = filepath.Join(t.TempDir(), "etcd")
	}
	out.peers = strings.Join(peers, ",")
	return out
}

func (c trio) build(t *testing.T, name string, b Building) {
	t.Helper()
	b.Dir, b.Member = c.dirs[name], Member{Name: name, Peers: c.peers}
	if err := Build(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
}

// open starts some of them; one that does not get ready in that time is nil.
func (c trio) open(t *testing.T, within time.Duration, names ...string) map[string]*Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	out := map[string]*Store{}
	for _, name := range names {
		all.Go(func() {
			s, err := Open(ctx, Config{Dir: c.dirs[name], Member: Member{Name: name, Peers: c.peers}})
			if err != nil {
				t.Log(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[name] = s
		})
	}
	all.Wait()
	return out
}

func closeAll(t *testing.T, all map[string]*Store) {
	t.Helper()
	for _, s := range all {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func records(n int, text string) []Record {
	out := make([]Record, n)
	for i := range out {
		raw, _ := json.Marshal(note{fmt.Sprintf("%s %d", text, i)})
		out[i] = Record{Table: "notes", Key: fmt.Sprintf("%04d", i), Value: raw}
	}
	return out
}

// Three members that were built apart are one cluster with one state, down to revisions and
// hashes, and go on from it.
func TestMembersAreBuiltApart(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	b := Building{Records: records(1234, "one")}
	for name := range c.dirs {
		c.build(t, name, b)
	}
	all := c.open(t, time.Minute, "a", "b", "c")
	defer closeAll(t, all)
	if len(all) != 3 {
		t.Fatalf("%d of three started", len(all))
	}
	if err := TableOf[note](all["a"], "notes").Create(t.Context(), "x", note{"new"}); err != nil {
		t.Fatal(err)
	}
	hashes := map[uint32][]string{}
	for name, s := range all {
		items, revision, err := TableOf[note](s, "notes").List(t.Context())
		if err != nil || len(items) != 1235 || items[7].Value.Text != "one 7" {
			t.Errorf("%s holds %d, %v", name, len(items), err)
		}
		h, _, err := s.etcd.Server.KV().HashStorage().HashByRev(revision)
		if err != nil {
			t.Fatal(err)
		}
		hashes[h.Hash] = append(hashes[h.Hash], name)
	}
	if len(hashes) != 1 {
		t.Errorf("the members differ: %v", hashes)
	}
}

// A member that was left out of a restore would bring back what was, were it let in.
func TestAMemberThatWasNotBuiltIsKeptOut(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	for name := range c.dirs {
		c.build(t, name, Building{Records: records(3, "old")})
	}
	before := c.open(t, time.Minute, "a", "b", "c")
	if len(before) != 3 {
		t.Fatalf("%d of three started", len(before))
	}
	for range 50 { // it has come further than the new ones will
		if _, err := before["a"].client.Put(t.Context(), root+"notes/0000", `{"Text":"old"}`); err != nil {
			t.Fatal(err)
		}
	}
	closeAll(t, before)
	if err := Build(t.Context(), Building{Dir: c.dirs["a"], Member: Member{Name: "a", Peers: c.peers}}, nil); !errors.Is(err, ErrExists) {
		t.Errorf("over a state that is there: %v, want ErrExists", err)
	}
	for _, name := range []string{"a", "b"} {
		c.build(t, name, Building{Records: records(3, "new"), Force: true})
	}
	after := c.open(t, 20*time.Second, "a", "b", "c")
	defer closeAll(t, after)
	if after["c"] != nil || len(after) != 2 {
		t.Fatalf("started are %v, want a and b", after)
	}
	if got, err := TableOf[note](after["b"], "notes").Get(t.Context(), "0000"); err != nil || got.Text != "new 0" {
		t.Errorf("state is %+v, %v", got, err)
	}
}

func TestBuildingIsForWhatIsNotInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	b := Building{Dir: dir, Member: Member{Name: "a", Peers: "a=http://127.0.0.1:1"}, Force: true}
	if err := Build(t.Context(), b, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("under a running etcd: %v, want ErrInUse", err)
	}
	b.Dir, b.Member.Name = t.TempDir(), "z"
	if err := Build(t.Context(), b, nil); err == nil || !strings.Contains(err.Error(), "none of the peers") {
		t.Errorf("as nobody: %v", err)
	}
}
