package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"

	"github.com/sightline-mesh/sightline/collector/journal"
)

// formerBucket is where version 0.1 and before kept a queue, in a bbolt file of contrib's
// file storage.
var formerBucket = []byte("default")

// formerName is that file's name.
func formerName(id component.ID, signal string) string {
	return fmt.Sprintf("exporter_%s_%s_%s", id.Type(), id.Name(), signal)
}

// adopt moves what an earlier version left in its file into the journal, and removes the
// file when all of it is on disk there. It does nothing where there is none.
func adopt(path string, j *journal.Journal) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(formerBucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(key, value []byte) error {
			return j.Apply(journal.Op{Key: string(key), Value: value})
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := j.Sync(); err != nil {
		return err
	}
	return os.Remove(path)
}
