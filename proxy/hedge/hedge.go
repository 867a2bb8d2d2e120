// Package hedge says when a request that has no answer yet is worth a second try beside
// the first: after a fixed time, or when it takes longer than most others did lately.
package hedge

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/proxy/latency"
)

const (
	// window is how long latencies are gathered before the delay follows them.
	window = 5 * time.Second
	// few latencies say nothing of a percentile: a window goes on until it has as many.
	few = 20
)

// Config says when. Exactly one of After and Percentile is set.
type Config struct {
	After      time.Duration
	Percentile float64 // a share of [0, 1]
	// Least and Most bound a delay that follows a Percentile. It is Most as long as too
	// little is known.
	Least, Most time.Duration
}

// Validate says what is wrong with it.
func (c Config) Validate() error {
	switch {
	case (c.After > 0) == (c.Percentile > 0):
		return fmt.Errorf("want one of after (%v) and percentile (%v)", c.After, c.Percentile)
	case c.After > 0:
		return nil
	case c.Percentile >= 1:
		return fmt.Errorf("percentile: %v is not a share between 0 and 1", c.Percentile)
	case c.Least <= 0 || c.Most < c.Least:
		return fmt.Errorf("bounds: %v to %v are not above 0 and in order", c.Least, c.Most)
	}
	return nil
}

// Delay is after what time a second try is worth it. Its methods may be called from
// any goroutine, and none waits for another.
type Delay struct {
	cfg    Config
	start  time.Time
	now    atomic.Int64 // the delay
	due    atomic.Int64 // when the window ends, since start
	recent latency.Histogram
	mu     sync.Mutex // held by whoever ends a window
}

// New makes a Delay that knows of no latencies. c must be valid.
func New(c Config) *Delay {
	d := &Delay{cfg: c, start: time.Now()}
	d.due.Store(int64(window))
	d.now.Store(int64(c.Most))
	if c.After > 0 {
		d.now.Store(int64(c.After))
	}
	return d
}

// Config is what New was given.
func (d *Delay) Config() Config { return d.cfg }

// Now is the delay.
func (d *Delay) Now() time.Duration { return time.Duration(d.now.Load()) }

// Observe tells how long an answer took, or at least as long as a first try that was
// given up for a second.
func (d *Delay) Observe(took time.Duration) {
	if d.cfg.After > 0 {
		return
	}
	d.recent.Add(took)
	if int64(time.Since(d.start)) < d.due.Load() || d.recent.Count() < few || !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	if d.recent.Count() < few {
		return // another goroutine was here first
	}
	p, _ := d.recent.Take(d.cfg.Percentile)
	d.now.Store(int64(min(max(p, d.cfg.Least), d.cfg.Most)))
	d.due.Store(int64(time.Since(d.start) + window))
}
