package pool

import (
	"sync/atomic"
	"time"
)

const (
	// longestIdle bounds what a peer may announce. It is a usual idle time of proxies.
	longestIdle = time.Minute
	// shortestIdle is below any idle time of a server's: what is closed sooner was not
	// closed for lying idle.
	shortestIdle = 250 * time.Millisecond
	// lessonTime is how long a lesson counts. A peer that was set up anew is then found
	// out about anew.
	lessonTime = 10 * time.Minute
	// oneSweep is how far the ages of connections may lie apart that ended by the same
	// idle time and were found in one sweep.
	oneSweep = 1500 * time.Millisecond
)

// idleTime is how long connections may lie idle: as configured, or below what the
// peer announces, or was seen to do.
type idleTime struct {
	limit     atomic.Int64 // in force, in nanoseconds; 0 is none
	announced atomic.Int64 // by the peer last, in nanoseconds

	// Guarded by the pool's lock.
	base    time.Duration // in force when nothing was learned
	learned time.Time     // when; zero for nothing
}

func (t *idleTime) start(base time.Duration) {
	t.base = base
	t.limit.Store(int64(base))
}

func (t *idleTime) inForce() time.Duration { return time.Duration(t.limit.Load()) }

// safely is a time that is surely over before the peer's is.
func safely(d time.Duration) time.Duration { return d * 4 / 5 }

// set is base anew, unless what was learned is shorter.
func (t *idleTime) set(base time.Duration) {
	if t.learned.IsZero() || base < t.inForce() {
		t.limit.Store(int64(base))
	}
	t.base = base
}

func (t *idleTime) forget() {
	t.learned = time.Time{}
	t.limit.Store(int64(t.base))
}

// learn takes in that the peer closed a connection which lay idle for between least
// and most.
func (t *idleTime) learn(least, most time.Duration, now time.Time) {
	d := safely(least)
	if least == 0 { // closed before it was looked at: all that is known is that it was sooner
		d = most / 2
	}
	if d >= shortestIdle && d < t.inForce() {
		t.learned = now
		t.limit.Store(int64(d))
	}
}

// Announced tells the pool how long the peer says that it keeps idle connections. It
// may be called with every response.
func (p *Pool) Announced(d time.Duration) {
	if !p.cfg.Learn || d <= 0 || p.idle.announced.Load() == int64(d) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle.announced.Store(int64(d))
	p.idle.set(max(min(safely(d), longestIdle), shortestIdle))
}

// IdleTime is how long an unused connection is kept at present.
func (p *Pool) IdleTime() time.Duration { return p.idle.inForce() }

// endedIdle is called with connections that the peer was found to have closed, those
// idle for the longest first; gone says that it closed every one that lay idle.
func (p *Pool) endedIdle(ended []*Conn, gone bool, now time.Time) { //nolint:revive // found out by its caller, not asked for
	if !p.cfg.Learn || len(ended) == 0 {
		return
	}
	oldest, youngest := ended[0], ended[len(ended)-1]
	if gone && youngest.since.Sub(oldest.since) > oneSweep {
		return // not for lying idle: the peer has gone
	}
	least := max(oldest.seen.Sub(oldest.since), 0)
	p.idle.learn(least, now.Sub(oldest.since), now)
}

// noticed is endedIdle for a connection that was about to be lent.
func (p *Pool) noticed(c *Conn) {
	if !p.cfg.Learn || c.socket.Quiet() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endedIdle([]*Conn{c}, false, time.Now())
}

// unreachable forgets what was learned: the peer has gone, which may be what ended its
// connections, and may come back as another program.
func (p *Pool) unreachable() {
	if !p.cfg.Learn {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.idle.learned.IsZero() {
		p.idle.forget()
	}
}
