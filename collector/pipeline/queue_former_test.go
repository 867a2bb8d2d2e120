package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/journal"
)

// asBefore turns a queue's journal into the file that version 0.1 kept.
func asBefore(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, formerName(component.MustNewIDWithName("sightline", "traces"), account.Traces))
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	j, err := journal.Open(filepath.Join(dir, account.Traces), journal.Config{})
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(formerBucket)
		must(t, err)
		for _, key := range []string{queueMetadataKey, "0", "1"} {
			value, err := j.Get(key)
			must(t, err)
			must(t, b.Put([]byte(key), value))
		}
		return nil
	}))
	must(t, errors.Join(j.Close(), db.Close(), os.RemoveAll(filepath.Join(dir, account.Traces))))
	return path
}

func TestQueueOfAnEarlierVersionIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	r := start(t, testConfig(t, dir), func(s *store) { s.away.Store(true) })
	for _, name := range []string{"a", "b"} {
		must(t, r.send(t.Context(), name))
	}
	r.stop()
	path := asBefore(t, dir)
	r = start(t, testConfig(t, dir))
	until(t, "both are stored", func() bool { return r.traces().Stored == 2 })
	if stored := r.store.spans(); stored["a"] != 1 || stored["b"] != 1 {
		t.Errorf("stored %v", stored)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the former file: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
