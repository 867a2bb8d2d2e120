package token

import (
	"crypto/sha256"
	"sync"
	"unsafe"
)

// generation bounds one of the two halves of a cache's shard; with 16 shards some
// 4,000 tokens are remembered.
const (
	generation = 128
	shards     = 16
)

// key stands for a token under a rule, without being one.
type key struct {
	rule int
	sum  [sha256.Size]byte
}

func keyOf(r *rule, raw string) key {
	return key{r.index, sha256.Sum256(unsafe.Slice(unsafe.StringData(raw), len(raw)))}
}

// cache remembers tokens that were found right, until newer ones need the room.
type cache struct{ shards [shards]shard }

// shard has two generations: what is used moves to the young one; when that is
// full, what is left in the old one is forgotten.
type shard struct {
	mu         sync.Mutex // guards what follows
	young, old map[key]entry
}

type entry struct {
	keys  *keySet // it was verified with
	token *Verified
}

func newCache() *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].young = map[key]entry{}
	}
	return c
}

// get is nil for a token that was verified with other keys than these.
func (c *cache) get(k key, keys *keySet) *Verified {
	if keys == nil {
		return nil
	}
	s := &c.shards[k.sum[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.young[k]
	if !ok {
		if e, ok = s.old[k]; !ok {
			return nil
		}
		s.put(k, e)
	}
	if e.keys != keys {
		return nil
	}
	return e.token
}

func (c *cache) put(k key, keys *keySet, t *Verified) {
	s := &c.shards[k.sum[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k, entry{keys, t})
}

func (s *shard) put(k key, e entry) {
	if len(s.young) >= generation {
		s.old, s.young = s.young, make(map[key]entry, generation)
	}
	s.young[k] = e
}
