package outlier

import (
	"sync/atomic"
	"time"
)

// Member is one of a group. Its methods may be called from any goroutine.
type Member struct {
	detector *Detector
	changed  func(Change)

	// Errors in a row, by sort. They are counted without the detector's lock.
	errors, gateway, local atomic.Int32

	out atomic.Bool // changes only under the detector's lock

	// Guarded by the detector's lock.
	gone   bool
	times  int // how often it was taken out of late
	total  uint64
	since  time.Time
	reason string
}

// Out reports whether the member is taken out.
func (m *Member) Out() bool { return m.out.Load() }

// Report tells what a request to the member came to.
func (m *Member) Report(r Result) {
	d := m.detector
	c := d.config.Load()
	if c.Split {
		m.split(c, r)
		return
	}
	switch r {
	case Success:
		m.clear()
	case Error:
		reset(&m.gateway)
		m.error(c)
	case Gateway, NoConnection, NoAnswer:
		m.gatewayError(c)
		m.error(c)
	}
}

// Status is what a member looks like, for people to read.
type Status struct {
	Out    bool
	Since  time.Time // of being out
	Until  time.Time // end of the rest; the sweep after it lets the member back in
	Reason string
	Times  int    // that lengthen the rest
	Total  uint64 // times it was taken out
	// Errors in a row, by sort.
	Errors, Gateway, Local int
}

// Status is the member's state.
func (m *Member) Status() Status {
	d := m.detector
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{
		Out: m.out.Load(), Times: m.times, Total: m.total,
		Errors: int(m.errors.Load()), Gateway: int(m.gateway.Load()), Local: int(m.local.Load()),
	}
	if s.Out {
		s.Since, s.Reason = m.since, m.reason
		s.Until = m.since.Add(d.rest(m))
	}
	return s
}

// Heal lets the member back in at once and forgets its rows, as when it is known from
// elsewhere that it is well.
func (m *Member) Heal() {
	d := m.detector
	d.mu.Lock()
	defer d.mu.Unlock()
	m.clear()
	if m.out.Load() {
		d.readmit(m, d.now(), "it passed its health check")
	}
}

// Detector is the one whose member it is.
func (m *Member) Detector() *Detector { return m.detector }

// split is Report where failures without an answer have a count of their own. An
// answer, however bad, shows that the member can be reached.
func (m *Member) split(c *Config, r Result) {
	if r.local() {
		if n := m.local.Add(1); hit(n, c.Local) {
			m.detector.trip(m, &m.local, "%d consecutive failures to reach it", n)
		}
		return
	}
	reset(&m.local)
	switch r {
	case Success:
		reset(&m.errors)
		reset(&m.gateway)
	case Error:
		reset(&m.gateway)
		m.error(c)
	default:
		m.gatewayError(c)
		m.error(c)
	}
}

func (m *Member) error(c *Config) {
	if n := m.errors.Add(1); hit(n, c.Errors) {
		m.detector.trip(m, &m.errors, "%d consecutive errors", n)
	}
}

func (m *Member) gatewayError(c *Config) {
	if n := m.gateway.Add(1); hit(n, c.Gateway) {
		m.detector.trip(m, &m.gateway, "%d consecutive gateway errors", n)
	}
}

func (m *Member) clear() {
	reset(&m.errors)
	reset(&m.gateway)
	reset(&m.local)
}

// hit reports whether a row has just become as long as allowed. A limit that was
// lowered meanwhile is met by the next error.
func hit(n int32, limit int) bool { return limit > 0 && int(n) >= limit }

// reset spares the cache line when there is nothing to do, as for most requests.
func reset(n *atomic.Int32) {
	if n.Load() != 0 {
		n.Store(0)
	}
}
