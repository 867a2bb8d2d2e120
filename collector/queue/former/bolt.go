package former

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// boltBucket is where contrib's file storage keeps a queue.
var boltBucket = []byte("default")

// bolt reads the requests of a bbolt file; nil where there is none.
func bolt(path string) ([][]byte, error) {
	if _, err := os.Stat(path); path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	type request struct {
		index uint64
		value []byte
	}
	all := []request{}
	err = db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(boltBucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(key, value []byte) error {
			if index, err := strconv.ParseUint(string(key), 10, 64); err == nil {
				all = append(all, request{index, slices.Clone(value)})
			}
			return nil
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	slices.SortFunc(all, func(a, b request) int { return cmp.Compare(a.index, b.index) })
	values := make([][]byte, len(all))
	for i, r := range all {
		values[i] = r.value
	}
	return values, nil
}
