package breaker

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Breaker guards one thing that may fail. Its methods may be called from any
// goroutine.
type Breaker struct {
	deps Deps

	// era packs how often the state changed with the state itself. Requests read
	// it without the lock; it changes only under the lock.
	era atomic.Uint64
	// probeFrom is when a probe may go out, in nanoseconds since the epoch, while the
	// breaker does not admit: after the back-off, or when the one that is out is given up.
	probeFrom atomic.Int64

	mu       sync.Mutex
	config   Config
	window   window
	failures int // in a row
	trips    int // back-offs since the breaker last admitted, less one
	probe    bool
	probeAt  time.Time // when the probe went out
	holdOff  time.Time // until when the peer asked to be left alone
	status   Status
}

// Ticket is the right of one request to pass. The zero Ticket counts nothing.
type Ticket struct {
	breaker *Breaker
	era     uint64
}

const stateBits = 2

// New makes a breaker that admits.
func New(c Config, d Deps) *Breaker {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Random == nil {
		d.Random = rand.Float64
	}
	c = c.withDefaults()
	return &Breaker{deps: d, config: c, window: newWindow(c.Window), status: Status{Since: d.Now()}}
}

// Configure changes when the breaker trips. The state and a back-off that has begun
// stay; the counts stay unless the window changes.
func (b *Breaker) Configure(c Config) {
	c = c.withDefaults()
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Window != b.config.Window {
		b.window = newWindow(c.Window)
	}
	b.config = c
}

// State is what the breaker does now. A breaker whose back-off is over stays tripped
// until a request asks to pass.
func (b *Breaker) State() State { return stateOf(b.era.Load()) }

// Status is the state with its reason.
func (b *Breaker) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveUpProbe()
	return b.status
}

// Ready reports whether Admit would let a request through at now, and whether that
// request would be a probe. Only Admit makes it so. It waits for nobody.
func (b *Breaker) Ready(now time.Time) (ready, probe bool) {
	if b.State() == Admitting {
		return true, false
	}
	return now.UnixNano() >= b.probeFrom.Load(), true
}

// Admit asks to let a request through. When it does, the ticket's Done must be
// called exactly once.
func (b *Breaker) Admit() (Ticket, bool) {
	if era := b.era.Load(); stateOf(era) == Admitting {
		return Ticket{breaker: b, era: era}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveUpProbe()
	if b.status.State != Admitting {
		if !b.due() {
			return Ticket{}, false
		}
		if b.status.State == Tripped {
			b.change(Probing, "back-off is over", b.deps.Now(), time.Time{})
		}
		b.probe, b.probeAt = true, b.deps.Now()
		b.probeFrom.Store(b.probeAt.Add(b.config.Max).UnixNano())
	}
	return Ticket{breaker: b, era: b.era.Load()}, true
}

// HoldOff tells that the peer asked for no requests for so long. If the breaker trips,
// or the probe fails, it rests that long at least, though no longer than Max. Call it
// before Done.
func (t Ticket) HoldOff(d time.Duration) {
	b := t.breaker
	if b == nil || d <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := b.deps.Now().Add(min(d, b.config.Max)); b.era.Load() == t.era && until.After(b.holdOff) {
		b.holdOff = until
	}
}

// Done tells what became of the request. Answers to requests that were let through
// before the latest change of state are ignored: they tell of what is known already.
func (t Ticket) Done(r Result) {
	b := t.breaker
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.era.Load() != t.era {
		return
	}
	if b.status.State == Probing {
		b.probed(r)
		return
	}
	b.count(r)
}

// due reports whether a probe may go out.
func (b *Breaker) due() bool {
	if b.status.State == Probing {
		return !b.probe
	}
	return !b.deps.Now().Before(b.status.Until)
}

// giveUpProbe ends the wait for a probe that has been out for Max, such as a stream
// that nobody closes: others must get their turn.
func (b *Breaker) giveUpProbe() {
	if b.status.State != Probing || !b.probe {
		return
	}
	if end := b.probeAt.Add(b.config.Max); !b.deps.Now().Before(end) {
		b.probe = false
		b.trips++
		b.trip("the probe did not end", end)
	}
}

func (b *Breaker) probed(r Result) {
	b.probe = false
	b.probeFrom.Store(0)
	switch r {
	case Success:
		b.failures, b.trips, b.holdOff = 0, 0, time.Time{}
		b.window.reset()
		b.change(Admitting, "the probe succeeded", b.deps.Now(), time.Time{})
	case Failure, Limited:
		b.trips++
		b.trip("the probe failed", b.deps.Now())
	case Dropped: // the next request probes instead
	}
}

func (b *Breaker) count(r Result) {
	if r == Dropped {
		return
	}
	success := 0
	switch r {
	case Success:
		success, b.failures = 1, 0
	case Failure:
		b.failures++
	case Limited, Dropped:
	}
	b.window.add(b.deps.Now(), success)
	reason := b.tooMany()
	if reason == "" || b.deps.Allow != nil && !b.deps.Allow() {
		return
	}
	b.trips = 0
	b.trip(reason, b.deps.Now())
}

// tooMany says why the breaker should trip, "" if it should not.
func (b *Breaker) tooMany() string {
	c, w := &b.config, &b.window
	switch {
	case c.Failures > 0 && b.failures >= c.Failures:
		return fmt.Sprintf("%d consecutive failures", b.failures)
	case c.Success > 0 && w.sum >= c.MinRequests && float64(w.ok) < c.Success*float64(w.sum):
		return fmt.Sprintf("%d of %d requests succeeded within %v", w.ok, w.sum, c.Window)
	}
	return ""
}

func (b *Breaker) trip(reason string, at time.Time) {
	b.failures = 0
	b.window.reset()
	until := at.Add(b.backoff())
	if b.holdOff.After(until) {
		until = b.holdOff
	}
	b.holdOff = time.Time{}
	b.change(Tripped, reason, at, until)
}

// backoff is Base doubled for each failed probe, with some jitter so that many
// senders do not probe together, and at most Max.
func (b *Breaker) backoff() time.Duration {
	c := &b.config
	rest := c.Max
	if b.trips < 32 { // beyond, the shift would overflow and Max was reached long ago
		if d := c.Base << b.trips; d > 0 {
			rest = min(d, c.Max)
		}
	}
	return min(rest+time.Duration(b.deps.Random()*c.Jitter*float64(c.Base)), c.Max)
}

func (b *Breaker) change(to State, reason string, at, until time.Time) {
	from := b.status.State
	if to == Tripped {
		b.probeFrom.Store(until.UnixNano())
	}
	b.status = Status{State: to, Since: at, Reason: reason, Until: until}
	changes := b.era.Load()>>stateBits + 1
	b.era.Store(changes<<stateBits | uint64(to))
	if b.deps.Changed != nil {
		b.deps.Changed(Change{From: from, To: to, At: at, Reason: reason, Until: until})
	}
}

func stateOf(era uint64) State { return State(era & (1<<stateBits - 1)) }
