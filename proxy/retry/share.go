package retry

import (
	"sync"
	"time"
)

// ShareConfig bounds the retries that may be in flight at once: to Percent of the
// requests, and Least in any case. The requests are those in flight, or with an
// Interval those that began within it if they are more.
type ShareConfig struct {
	Percent  float64
	Least    int
	Interval time.Duration
}

// Share is Envoy's retry budget: where Budget is about how many retries there are, it is
// about how many there are at once. Its methods may be called from any goroutine.
type Share struct {
	cfg ShareConfig
	now func() time.Time

	mu    sync.Mutex // guards what follows; used with an Interval only
	start time.Time
	begun window // requests
}

// NewShare makes a share that reads the time from now.
func NewShare(c ShareConfig, now func() time.Time) *Share {
	return &Share{cfg: c, now: now, start: now()}
}

// Config is what the share was made with.
func (s *Share) Config() ShareConfig { return s.cfg }

// Request counts a request, not its retries.
func (s *Share) Request() {
	if s.cfg.Interval == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.begun.add(1)
}

// Allowed is how many retries may be in flight when so many requests are.
func (s *Share) Allowed(inFlight int) int {
	if s.cfg.Interval > 0 {
		s.mu.Lock()
		s.advance()
		inFlight = max(inFlight, int(s.begun.sum))
		s.mu.Unlock()
	}
	return max(int(s.cfg.Percent/100*float64(inFlight)), s.cfg.Least)
}

func (s *Share) advance() {
	width := max(s.cfg.Interval/slots, 1)
	s.begun.advance(int64(s.now().Sub(s.start) / width))
}
