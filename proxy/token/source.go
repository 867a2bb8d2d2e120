package token

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// source is one published key set. Its goroutine alone changes what is in it.
type source struct {
	uri     string
	current atomic.Pointer[keySet]
	cooled  atomic.Int64  // from when on requests may cause a fetch, in ns since 1970
	ask     chan struct{} // capacity 1

	mu   sync.Mutex // guards what follows
	over chan struct{}
}

func newSource(uri string) *source {
	return &source{uri: uri, ask: make(chan struct{}, 1), over: make(chan struct{})}
}

func (s *source) now() *keySet { return s.current.Load() }

// newer implements keySource. While it is cooling down, it has nothing newer.
func (s *source) newer(ctx context.Context, seen *keySet) *keySet {
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if now := s.current.Load(); now != seen {
		return now
	}
	if seen != nil && time.Now().UnixNano() < s.cooled.Load() {
		return seen
	}
	select {
	case s.ask <- struct{}{}:
	default:
	}
	patience := time.NewTimer(KeyWait)
	defer patience.Stop()
	select {
	case <-over:
	case <-patience.C:
	case <-ctx.Done():
	}
	return s.current.Load()
}

// run fetches now, when the set is old, and when a request asks for it.
func (s *source) run(ctx context.Context, get func(context.Context, string) ([]byte, error), log *slog.Logger) {
	var last []byte
	wait := backoffFirst
	for {
		raw, err := get(ctx, s.uri)
		if ctx.Err() != nil {
			return
		}
		err = s.put(raw, last, err)
		pause := refresh - time.Duration(rand.Int64N(int64(refresh/10)))
		if err != nil {
			log.Warn("keys could not be fetched", "uri", s.uri, "again in", wait, "reason", err)
			pause, wait = wait, min(2*wait, backoffMost)
		} else {
			last, wait = raw, backoffFirst
		}
		s.ended()
		if !s.pause(ctx, pause) {
			return
		}
	}
}

// put takes a set; the same as last changes nothing, so that what was verified with
// it need not be verified again.
func (s *source) put(raw, last []byte, err error) error {
	if err != nil || bytes.Equal(raw, last) {
		return err
	}
	set, err := parseKeys(raw)
	if err != nil {
		return err
	}
	s.current.Store(set)
	return nil
}

// ended tells who waits for a fetch that it is over.
func (s *source) ended() {
	s.cooled.Store(time.Now().Add(Cooldown).UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.over)
	s.over = make(chan struct{})
}

// pause waits for d, or for a request that may cause a fetch earlier.
func (s *source) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
			return true
		case <-s.ask:
			if time.Now().UnixNano() >= s.cooled.Load() {
				return true
			}
		}
	}
}
