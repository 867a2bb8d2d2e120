package balance

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// decay is the time in which the memory of past latencies falls to 1/e.
	decay = 10 * time.Second
	// seed is the latency a place is presumed to have before it answered once.
	seed = 30 * time.Millisecond
	// floor keeps differences that do not matter from deciding.
	floor = time.Millisecond
	// penalty is the latency that a failure counts as. Without it, a place that
	// fails fast would look like the best of all.
	penalty = 5 * time.Second
)

// Load is how busy and how slow one place is. Its methods may be called from any
// goroutine.
type Load struct {
	inFlight atomic.Int64

	mu    sync.Mutex
	ewma  float64 // nanoseconds, as of stamp
	stamp time.Time
}

// NewLoad is the load of a place nothing is known of yet.
func NewLoad(now time.Time) *Load { return &Load{ewma: float64(seed), stamp: now} }

// Begin counts a request as in flight.
func (l *Load) Begin() { l.inFlight.Add(1) }

// End takes a request out of flight and learns nothing from it.
func (l *Load) End() { l.inFlight.Add(-1) }

// Observe learns from a request that took this long. A latency above the average
// replaces it at once (the peak rule), lower ones pull it down over the decay time.
// A failure enters the average as 5 s, but without the peak rule: one failed request
// must not empty a place for a minute, many must.
func (l *Load) Observe(now time.Time, took time.Duration, failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := math.Exp(-float64(max(now.Sub(l.stamp), 0)) / float64(decay))
	sample, decayed := float64(took), l.ewma*old
	switch {
	case failed:
		l.ewma = decayed + max(sample, float64(penalty))*(1-old)
	case sample > decayed:
		l.ewma = sample
	default:
		l.ewma = decayed + sample*(1-old)
	}
	l.stamp = now
}

// Forget returns to the presumption for a place nothing is known of, as after it
// recovered. What is in flight stays counted.
func (l *Load) Forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ewma, l.stamp = float64(seed), now
}

// InFlight is the number of requests that began and did not end.
func (l *Load) InFlight() int { return int(l.inFlight.Load()) }

// Score is the latency expected of one more request, in seconds: the average decayed
// to now, times the requests that would then be in flight.
func (l *Load) Score(now time.Time) float64 {
	l.mu.Lock()
	ewma, stamp := l.ewma, l.stamp
	l.mu.Unlock()
	ewma *= math.Exp(-float64(max(now.Sub(stamp), 0)) / float64(decay))
	return max(ewma, float64(floor)) / float64(time.Second) * float64(l.InFlight()+1)
}
