package controlplane

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// A store that was set back by hand, as by a copy of its files, takes sidecars back that
// were told of more than it knows: they are told all that it holds, and what changes then.
func TestStoreThatIsSetBackTakesSidecarsBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))
	p.stop()
	etcd, copied := filepath.Join(p.cfg.Dir, "etcd"), filepath.Join(t.TempDir(), "etcd")
	if err := os.CopyFS(copied, os.DirFS(etcd)); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Dir: etcd})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // what has to come to pass again before the store would know it all
		if err := s.Commit(t.Context(), nil, store.TableOf[int](s, store.Marks).Put(strconv.Itoa(i%10), i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p.start(nil)
	apply(t, c, destinationRule+"---\n"+virtualService)
	web.until(t, "what will be gone", "reviews", splits(map[string]uint32{"v1": 80, "v2": 20}))
	told := web.Status().Version

	p.stop()
	if err := os.RemoveAll(etcd); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copied, etcd); err != nil {
		t.Fatal(err)
	}
	p.start(nil)
	web.until(t, "what the store holds", "reviews", func(s mesh.Snapshot) bool { return instances(1)(s) && len(s.Routes) == 0 })
	if at := web.Status(); !at.Connected || at.Version >= told || at.Version == 0 {
		t.Errorf("%+v, want an earlier version than %d", at, told)
	}
	p.sidecar(token, workload("reviews", "v1", "reviews-2"))
	web.until(t, "arrival of another", "reviews", instances(2))
}
