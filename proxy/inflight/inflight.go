// Package inflight bounds how much may be under way at once, in all and for each key.
package inflight

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	shards = 16
	// idle is how many keys of a shard are kept that have nothing under way: what comes
	// and goes all the time need not be made anew each time.
	idle = 64
)

// Config is the bounds; 0 is none.
type Config struct{ All, PerKey int }

// Verdict is what becomes of an Enter.
type Verdict uint8

// The verdicts.
const (
	Entered Verdict = iota
	Full            // all there may be are under way
	KeyFull         // all there may be of this key
)

// Limiter limits by one Config. Its methods may be called from any goroutine.
type Limiter struct {
	cfg    Config
	all    atomic.Int64
	seed   maphash.Seed
	shards [shards]shard
}

// shard holds the keys that have something under way, and some that had.
type shard struct {
	mu     sync.Mutex // guards what follows
	counts map[string]*int
}

// New makes a limiter with nothing under way.
func New(c Config) *Limiter { return &Limiter{cfg: c, seed: maphash.MakeSeed()} }

// Enter counts one in. Only after Entered, Leave must follow, with the same key.
func (l *Limiter) Enter(key string) Verdict {
	if n := l.all.Add(1); l.cfg.All > 0 && n > int64(l.cfg.All) {
		l.all.Add(-1)
		return Full
	}
	if l.cfg.PerKey > 0 && !l.shard(key).enter(key, l.cfg.PerKey) {
		l.all.Add(-1)
		return KeyFull
	}
	return Entered
}

// Leave counts one out.
func (l *Limiter) Leave(key string) {
	l.all.Add(-1)
	if l.cfg.PerKey > 0 {
		l.shard(key).leave(key)
	}
}

// Now is how many are under way.
func (l *Limiter) Now() int { return int(l.all.Load()) }

func (l *Limiter) shard(key string) *shard { return &l.shards[maphash.String(l.seed, key)%shards] }

func (s *shard) enter(key string, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.counts[key]
	if !ok {
		if s.counts == nil {
			s.counts = make(map[string]*int)
		}
		n = new(int)
		s.counts[strings.Clone(key)] = n
	}
	if *n >= most {
		return false
	}
	*n++
	return true
}

func (s *shard) leave(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.counts[key]
	if !ok {
		return
	}
	if *n--; *n == 0 && len(s.counts) > idle {
		delete(s.counts, key)
	}
}
