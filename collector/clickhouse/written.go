package clickhouse

import (
	"maps"
	"sync"
)

// written remembers which rows of a kind are written down already, so that they are not
// written again with every batch. Past most it begins anew, which costs a row each until
// the next merge.
type written[K comparable] struct {
	most int

	mu   sync.Mutex
	keys map[K]bool
}

func (w *written[K]) has(k K) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[k]
}

func (w *written[K]) add(keys map[K]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keys == nil || len(w.keys)+len(keys) > w.most {
		w.keys = make(map[K]bool, len(keys))
	}
	maps.Copy(w.keys, keys)
}
