// Package gradient finds out how much something takes at once, from how long it takes:
// the limit follows the ratio of the latency without queueing (minRTT), which is
// measured from time to time at a low limit, to the latency now. It is Envoy's gradient
// controller: limit = limit × gradient + headroom, with the square root of the limit as
// headroom and a gradient between 1/2 and 2.
//
// A Controller only says how high the limit is: it is told of latencies, and somebody
// else counts what is under way. It has no goroutine. Whoever tells a latency at the
// end of a window works the next limit out, and nobody waits for that.
package gradient

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/proxy/latency"
)

const (
	lowest, highest = 0.5, 2 // of the gradient
	// few latencies are no sample: a window goes on until it has as many.
	few = 5
	// stuck is after how many windows in a row at the lowest limit the least latency is
	// measured again: it must have changed.
	stuck = 5
	// patience bounds a measurement. At the lowest limit requests are refused, and it may
	// be that none ends, or none that is a latency: of an app of nothing but long streams,
	// or with quiet ones in every place. Envoy goes on until it has its sample. At 3 at
	// once, 10 s are enough for a whole sample of an app that takes 600 ms.
	patience = 10 * time.Second
)

// Controller finds one limit. Its methods may be called from any goroutine.
type Controller struct {
	given  Config
	cfg    Config         // with the defaults
	chance func() float64 // of [0, 1)
	start  time.Time

	limit     atomic.Int64
	least     atomic.Int64  // minRTT in ns; 0 is not known yet
	gradient  atomic.Uint64 // bits of a float64
	due       atomic.Int64  // when there is something to work out, since start
	measuring atomic.Bool   // minRTT
	until     atomic.Int64  // when measuring ends at the latest, since start
	since     atomic.Int64  // what began earlier than this is no part of the sample
	sample    latency.Histogram
	measured  atomic.Uint64

	mu      sync.Mutex // guards what follows; held by whoever works a limit out
	before  int64      // the limit to go back to after measuring
	again   time.Duration
	atLeast int // windows in a row at the lowest limit
}

// New makes a Controller that begins with measuring. c must be valid. Chance draws a
// number of [0, 1); nil is a random one.
func New(c Config, chance func() float64) *Controller {
	if chance == nil {
		chance = rand.Float64
	}
	g := &Controller{given: c, cfg: c.filled(), chance: chance, start: time.Now()}
	g.limit.Store(int64(g.cfg.Least.Concurrency))
	g.gradient.Store(math.Float64bits(1))
	if fixed := g.cfg.Least.Fixed; fixed > 0 {
		g.least.Store(int64(fixed))
		g.due.Store(int64(g.cfg.Window))
		g.again = math.MaxInt64
		return g
	}
	g.before = g.limit.Load()
	g.until.Store(int64(patience))
	g.measuring.Store(true)
	return g
}

// Config is what New was given.
func (g *Controller) Config() Config { return g.given }

// Limit is how many there may be at once now.
func (g *Controller) Limit() int {
	if g.measuring.Load() {
		g.bound()
	}
	return int(g.limit.Load())
}

// State is what a Controller has found out.
type State struct {
	Limit     int
	MinRTT    time.Duration // 0 is not known yet
	Gradient  float64
	Measuring bool   // minRTT, at a low limit
	Measured  uint64 // times that minRTT was
}

// State is for people to read.
func (g *Controller) State() State {
	return State{
		Limit: g.Limit(), MinRTT: time.Duration(g.least.Load()), Gradient: math.Float64frombits(g.gradient.Load()),
		Measuring: g.measuring.Load(), Measured: g.measured.Load(),
	}
}

// Observe tells of one that began at a time and took so long until now. What was
// given up is not told.
func (g *Controller) Observe(began time.Time, took time.Duration) {
	at := began.Sub(g.start)
	if int64(at) < g.since.Load() {
		return // it had another limit around it
	}
	g.sample.Add(took)
	now := int64(at + took)
	if g.measuring.Load() && g.sample.Count() < g.cfg.Least.Requests || now < g.due.Load() || !g.mu.TryLock() {
		return
	}
	defer g.mu.Unlock()
	if g.measuring.Load() {
		if g.sample.Count() >= g.cfg.Least.Requests { // no other goroutine was here first
			g.endMeasuring(now)
		}
		return
	}
	if now >= g.due.Load() && g.sample.Count() >= few {
		g.step(now)
	}
}

// bound ends a measurement that has had its time: with what it has, if that is a sample,
// and else with nothing. Who asks for the limit sees to it, as latencies may not come.
func (g *Controller) bound() {
	now := int64(time.Since(g.start))
	if now < g.until.Load() || !g.mu.TryLock() {
		return
	}
	defer g.mu.Unlock()
	if !g.measuring.Load() || now < g.until.Load() {
		return // another goroutine was here first
	}
	if g.sample.Count() >= few {
		g.endMeasuring(now)
		return
	}
	g.sample.Take(g.cfg.Percentile)
	if g.least.Load() == 0 { // nothing is known that could bound it
		g.before = int64(g.cfg.Most)
	}
	g.resume(now)
}

// endMeasuring takes the sample for the least latency, and goes back to the limit
// there was. It runs with mu held.
func (g *Controller) endMeasuring(now int64) {
	p, _ := g.sample.Take(g.cfg.Percentile)
	g.least.Store(int64(max(p, 1)))
	g.measured.Add(1)
	g.resume(now)
}

// resume goes on with the limit there was before measuring. It runs with mu held.
func (g *Controller) resume(now int64) {
	interval := float64(g.cfg.Least.Interval)
	g.again = time.Duration(float64(now) + interval + interval*g.cfg.Least.Jitter*g.chance())
	g.limit.Store(g.before)
	g.measuring.Store(false)
	g.due.Store(now + int64(g.cfg.Window))
}

// step works the next limit out. It runs with mu held.
func (g *Controller) step(now int64) {
	if now >= int64(g.again) || g.atLeast >= stuck && g.cfg.Least.Fixed == 0 {
		g.measure(now)
		return
	}
	p, _ := g.sample.Take(g.cfg.Percentile)
	if g.least.Load() == 0 { // there is nothing to compare with until it is measured
		g.due.Store(now + int64(g.cfg.Window))
		return
	}
	gradient := float64(g.least.Load()) * (1 + g.cfg.Least.Buffer) / float64(max(p, 1))
	gradient = min(max(gradient, lowest), highest)
	scaled := float64(g.limit.Load()) * gradient
	next := int64(scaled + math.Sqrt(scaled))
	lowestLimit := int64(g.cfg.Least.Concurrency)
	next = min(max(next, lowestLimit), int64(g.cfg.Most))
	if g.atLeast++; next > lowestLimit {
		g.atLeast = 0
	}
	g.gradient.Store(math.Float64bits(gradient))
	g.limit.Store(next)
	g.due.Store(now + int64(g.cfg.Window))
}

// measure lowers the limit to find the least latency out again. It runs with mu held.
func (g *Controller) measure(now int64) {
	g.before = g.limit.Load()
	g.atLeast = 0
	g.until.Store(now + int64(patience))
	g.measuring.Store(true)
	g.limit.Store(int64(g.cfg.Least.Concurrency))
	// What is under way above the new limit would be measured with what it waits for.
	g.since.Store(now)
	g.sample.Take(g.cfg.Percentile)
	g.due.Store(0)
}
