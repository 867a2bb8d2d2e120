// Package ratelimit bounds how often something may happen, for all or for each key:
// a token bucket, kept as the one moment at which it will be full again (GCRA), so
// that taking from it is one compare-and-swap.
package ratelimit

import (
	"hash/maphash"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shards = 16
	// perShard bounds the keys of one shard: 4,096 of them in all. Keys beyond share one
	// bucket until others are full again.
	perShard = 256
	// again is the least time between two looks for buckets that are full again.
	again = time.Second
)

// Config is a bucket: it holds Burst at most, and gets Requests every Unit.
type Config struct {
	Requests int
	Unit     time.Duration
	Burst    int // 0 is Requests
}

// Limiter limits by one Config. Its methods may be called from any goroutine.
type Limiter struct {
	each, room time.Duration // for one more, and for a whole burst
	start      time.Time
	all        bucket
	seed       maphash.Seed
	shards     [shards]shard
	rest       bucket // of the keys that have none
	crowded    atomic.Uint64
}

// bucket is when it will be full, since the limiter's start.
type bucket struct{ full atomic.Int64 }

type shard struct {
	mu      sync.Mutex // guards what follows
	buckets map[string]*bucket
	looked  time.Duration // when full ones were last looked for, since the start
}

// New makes a limiter whose buckets are full. Requests and Unit must be above 0.
func New(c Config) *Limiter {
	if c.Burst <= 0 {
		c.Burst = c.Requests
	}
	each := max(c.Unit/time.Duration(c.Requests), 1)
	room := time.Duration(math.MaxInt64 / 4)
	if each < room/time.Duration(c.Burst) {
		room = each * time.Duration(c.Burst)
	}
	return &Limiter{each: each, room: room, start: time.Now(), seed: maphash.MakeSeed()}
}

// Take takes one from the bucket of all. When there is none it reports false, and
// after what time there will be.
func (l *Limiter) Take() (ok bool, wait time.Duration) {
	return l.all.take(time.Since(l.start), l.each, l.room)
}

// TakeFor takes one from the key's own bucket. It keeps no part of the key's memory.
func (l *Limiter) TakeFor(key string) (ok bool, wait time.Duration) {
	now := time.Since(l.start)
	return l.bucket(key, now).take(now, l.each, l.room)
}

// Crowded is how often a key had to share a bucket, as there were too many.
func (l *Limiter) Crowded() uint64 { return l.crowded.Load() }

func (l *Limiter) bucket(key string, now time.Duration) *bucket {
	s := &l.shards[maphash.String(l.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buckets[key]
	if ok {
		return b
	}
	if len(s.buckets) >= perShard && !s.makeRoom(now) {
		l.crowded.Add(1)
		return &l.rest
	}
	if s.buckets == nil {
		s.buckets = make(map[string]*bucket)
	}
	b = &bucket{}
	s.buckets[strings.Clone(key)] = b
	return b
}

// makeRoom forgets the buckets that are full: they are like new ones.
func (s *shard) makeRoom(now time.Duration) bool {
	if s.looked != 0 && now < s.looked+again {
		return false
	}
	s.looked = now
	for key, b := range s.buckets {
		if b.full.Load() <= int64(now) {
			delete(s.buckets, key)
		}
	}
	return len(s.buckets) < perShard
}

func (b *bucket) take(now, each, room time.Duration) (ok bool, wait time.Duration) {
	for {
		was := b.full.Load()
		next := max(time.Duration(was), now) + each
		if over := next - now - room; over > 0 {
			return false, over
		}
		if b.full.CompareAndSwap(was, int64(next)) {
			return true, 0
		}
	}
}
