package outlier

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Change is a member taken out or let back in.
type Change struct {
	Out    bool
	At     time.Time
	Reason string    // one phrase with numbers: "5 consecutive errors"
	Until  time.Time // end of the rest when Out
}

// Detector watches the members of one group. Its methods may be called from any
// goroutine.
type Detector struct {
	now    func() time.Time
	config atomic.Pointer[Config]
	due    atomic.Int64 // when the next sweep is, in nanoseconds since the epoch

	mu      sync.Mutex
	members map[*Member]bool
	out     int
}

// New makes a detector without members that reads the time from now. Its first sweep is
// one interval away.
func New(c Config, now func() time.Time) *Detector {
	det := &Detector{now: now, members: make(map[*Member]bool)}
	c = c.withDefaults()
	det.config.Store(&c)
	det.due.Store(now().Add(c.Interval).UnixNano())
	return det
}

// Configure changes the rules. Who is out stays out, for a rest by the new rules, and
// rows go on; a new interval begins now.
func (d *Detector) Configure(c Config) {
	c = c.withDefaults()
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.config.Swap(&c); old.Interval != c.Interval {
		d.due.Store(d.now().Add(c.Interval).UnixNano())
	}
}

// Add makes a new member. Changed is told when it is taken out and when it is let back
// in; it is called with the detector locked, so it must be quick and not call it.
func (d *Detector) Add(changed func(Change)) *Member {
	m := &Member{detector: d, changed: changed}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.members[m] = true
	return m
}

// Remove forgets a member; it counts no more among the others, and is never taken out.
func (d *Detector) Remove(m *Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.out.Load() {
		d.out--
		m.out.Store(false)
	}
	m.gone = true
	delete(d.members, m)
}

// Due reports whether a sweep is due. It costs one load.
func (d *Detector) Due(now time.Time) bool { return now.UnixNano() >= d.due.Load() }

// Next is when the next sweep is due.
func (d *Detector) Next() time.Time { return time.Unix(0, d.due.Load()) }

// Sweep makes up for the sweeps that are due.
func (d *Detector) Sweep(now time.Time) {
	if !d.Due(now) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.catchUp(now)
}

func (d *Detector) catchUp(now time.Time) {
	at, interval := time.Unix(0, d.due.Load()), d.config.Load().Interval
	for !now.Before(at) {
		if !d.sweep(at) { // and no later one would: skip to the first that is still to come
			at = now.Add(-now.Sub(at) % interval)
		}
		at = at.Add(interval)
	}
	d.due.Store(at.UnixNano())
}

// sweep is one sweep. It reports whether a later one may have anything to do.
func (d *Detector) sweep(at time.Time) (more bool) {
	for m := range d.members {
		switch {
		case !m.out.Load():
			m.times = max(m.times-1, 0)
		case !at.Before(m.since.Add(d.rest(m))):
			d.readmit(m, at, "its rest is over")
		}
		more = more || m.times > 0 || m.out.Load()
	}
	return more
}

// trip takes m out if the share of members that may be out allows it. Its row begins
// anew either way.
func (d *Detector) trip(m *Member, row *atomic.Int32, reason string, n int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row.Store(0)
	now := d.now()
	d.catchUp(now)
	if m.gone || m.out.Load() || !d.mayTrip() {
		return
	}
	c := d.config.Load()
	if time.Duration(m.times)*c.Base < c.Max {
		m.times++
	}
	d.out++
	m.total++
	m.since, m.reason = now, fmt.Sprintf(reason, n)
	m.out.Store(true)
	m.changed(Change{Out: true, At: m.since, Reason: m.reason, Until: m.since.Add(d.rest(m))})
}

func (d *Detector) mayTrip() bool {
	return d.out == 0 || 100*(d.out+1) <= d.config.Load().MaxPercent*len(d.members)
}

func (d *Detector) rest(m *Member) time.Duration {
	c := d.config.Load()
	return min(time.Duration(m.times)*c.Base, c.Max)
}

func (d *Detector) readmit(m *Member, at time.Time, reason string) {
	d.out--
	m.clear()
	m.out.Store(false)
	m.changed(Change{At: at, Reason: reason})
}
