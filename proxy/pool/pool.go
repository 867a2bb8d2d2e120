// Package pool keeps connections to one instance alive between HTTP/1.1 requests.
//
// A Pool lends a connection to one request at a time. It hands out the one used
// last, after looking whether its peer is still there, and dials when there is
// none. Whether a loan is a reused connection is known to the borrower: a request
// that dies on one before any byte of an answer may have met the peer's own idle
// limit, on a fresh one it cannot.
//
// Idle connections hold no buffers.
package pool

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The errors of Get that are not the dialler's.
var (
	// ErrOverflow is a limit of the pool's own: it says nothing of the instance.
	ErrOverflow = errors.New("too many requests wait for a connection")
	// ErrQueued is a context that ended while as many connections as may be were in use: it
	// says nothing of the instance either.
	ErrQueued = errors.New("every connection is in use")
	// ErrNoConnection is that none was free or dialled in time, while many were dialled.
	ErrNoConnection = errors.New("no connection in time")
	// ErrClosed is a pool that was closed because its instance went away.
	ErrClosed = errors.New("connection pool is closed")
)

// Config bounds a pool. A zero limit is none.
type Config struct {
	IdleTime    time.Duration // how long an unused connection is kept
	Learn       bool          // IdleTime is where to begin: stay below what the peer announces, or is seen to do
	MaxIdle     int           // unused connections kept; the one used longest ago goes first
	Connections int           // open at once, idle ones included
	Dialling    int           // dialled at once; who comes later takes what others give back meanwhile
	Patience    time.Duration // how long to wait while so many are dialled, and none comes of it
	Pending     int           // requests that may wait when all Connections are in use; 0 with a limit on Connections is 1024
	Requests    int           // that one connection carries
	Age         time.Duration // after which a connection carries no more
	Quota       Quota         // of several pools together; nil is none
}

// Quota bounds what several pools have open, and who waits, together.
type Quota interface {
	// Take asks for a connection for a pool that has so many; Give gives it back.
	Take(open int) bool
	Give()
	// Wait counts a request that waits, or says why it may not; Served ends that.
	Wait() error
	Served()
}

// Pool lends the connections to one instance. It is safe for concurrent use.
type Pool struct {
	cfg  Config
	dial Dialer

	idle idleTime

	mu      sync.Mutex // guards what follows
	unused  []*Conn    // the one used last is the last
	open    int        // dialled or being dialled, and not yet closed
	dialing int        // being dialled
	moved   time.Time  // when a dial worked last, or a connection was handed over
	waiting []chan *Conn
	closed  bool
}

// New makes a pool that dials with d.
func New(cfg Config, d Dialer) *Pool {
	if cfg.Connections > 0 && cfg.Pending == 0 {
		cfg.Pending = 1024
	}
	p := &Pool{cfg: cfg, dial: d}
	p.idle.start(cfg.IdleTime)
	return p
}

// Get lends an idle connection whose peer is still there, or dials one. When the
// limit of connections is reached it waits for one in turn.
func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	c, wait, err := p.reserve()
	switch {
	case err != nil:
		return nil, err
	case c != nil:
		c.Waited = 0
		return c, nil
	}
	return p.obtain(ctx, wait)
}

// GetFresh is Get for who has met the end of kept connections: it closes those that are
// idle, and dials.
func (p *Pool) GetFresh(ctx context.Context) (*Conn, error) {
	wait, err := p.reserveFresh()
	if err != nil {
		return nil, err
	}
	return p.obtain(ctx, wait)
}

// Put takes a connection back whose last message was read and written to its end.
func (p *Pool) Put(c *Conn) {
	c.In.Close()
	c.Out.Close()
	if c.Deadline {
		c.Deadline = false
		if err := c.SetDeadline(time.Time{}); err != nil {
			c.Discard()
			return
		}
	}
	c.since = time.Now()
	if c.carried++; c.carried == p.cfg.Requests || p.cfg.Age > 0 && c.since.Sub(c.born) >= p.cfg.Age {
		c.Discard()
		return
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		c.Discard()
		return
	}
	if len(p.waiting) > 0 {
		next := p.waiting[0]
		p.waiting = p.waiting[1:]
		c.Reused, p.moved = true, c.since
		p.mu.Unlock()
		next <- c
		return
	}
	var oldest *Conn
	if p.cfg.MaxIdle > 0 && len(p.unused) >= p.cfg.MaxIdle {
		oldest = p.unused[0]
		p.unused = append(p.unused[:0], p.unused[1:]...)
	}
	p.unused = append(p.unused, c)
	p.mu.Unlock()
	if oldest != nil {
		oldest.Discard()
	}
}

// Sweep closes connections that were idle for too long at now, and those that the
// peer has closed.
func (p *Pool) Sweep(now time.Time) {
	limit := p.idle.inForce()
	if limit == 0 {
		return
	}
	var stale, ended []*Conn
	p.mu.Lock()
	if !p.idle.learned.IsZero() && now.Sub(p.idle.learned) > lessonTime {
		p.idle.forget()
	}
	kept := p.unused[:0]
	for _, c := range p.unused {
		switch {
		case p.cfg.Learn && !c.socket.Quiet():
			ended = append(ended, c)
		case now.Sub(c.since) >= limit, p.cfg.Age > 0 && now.Sub(c.born) >= p.cfg.Age:
			stale = append(stale, c)
		default:
			c.seen = now
			kept = append(kept, c)
		}
	}
	clear(p.unused[len(kept):])
	p.unused = kept
	p.endedIdle(ended, len(kept)+len(stale) == 0, now)
	p.mu.Unlock()
	for _, c := range append(stale, ended...) {
		c.Discard()
	}
}

// Close closes the idle connections and refuses further use. Those on loan are
// closed when they come back.
func (p *Pool) Close() {
	p.mu.Lock()
	unused, waiting := p.unused, p.waiting
	p.unused, p.waiting, p.closed = nil, nil, true
	p.mu.Unlock()
	for _, c := range unused {
		c.Discard()
	}
	for _, w := range waiting {
		close(w)
	}
}

// Open is how many connections there are, on loan or idle.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// obtain is awaitOrDial, and says how long that took.
func (p *Pool) obtain(ctx context.Context, wait chan *Conn) (*Conn, error) {
	since := time.Now()
	c, err := p.awaitOrDial(ctx, wait)
	if err == nil {
		c.Waited = time.Since(since)
	}
	return c, err
}

// awaitOrDial awaits a connection in the queue, if there is a place in it, or dials one.
func (p *Pool) awaitOrDial(ctx context.Context, wait chan *Conn) (*Conn, error) {
	if wait != nil {
		c, err := p.await(ctx, wait)
		if p.cfg.Quota != nil {
			p.cfg.Quota.Served()
		}
		if c != nil || err != nil {
			return c, err
		}
	}
	return p.dialNew(ctx)
}

// reserve finds an idle connection, or the right to dial one (all nil), or a place
// in the queue.
func (p *Pool) reserve() (*Conn, chan *Conn, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, nil, ErrClosed
		}
		n := len(p.unused)
		if n == 0 {
			break
		}
		c := p.unused[n-1]
		p.unused[n-1] = nil
		p.unused = p.unused[:n-1]
		p.mu.Unlock()
		if c.alive(p.idle.inForce()) {
			c.Reused = true
			return c, nil, nil
		}
		p.noticed(c)
		c.Discard()
	}
	defer p.mu.Unlock()
	wait, err := p.place()
	return nil, wait, err
}

// reserveFresh closes the idle connections, and finds the right to dial one (nil), or a
// place in the queue.
func (p *Pool) reserveFresh() (chan *Conn, error) {
	for {
		p.mu.Lock()
		unused := p.unused
		if len(unused) == 0 {
			defer p.mu.Unlock()
			return p.place()
		}
		p.unused = nil
		p.mu.Unlock()
		for _, c := range unused {
			c.Discard()
		}
	}
}

// place is the right to dial one (nil), or a place in the queue. The lock is held.
func (p *Pool) place() (chan *Conn, error) {
	switch {
	case p.closed:
		return nil, ErrClosed
	case p.mayDial() && p.take():
		p.open++
		p.dialing++
		return nil, nil
	}
	if err := p.mayWait(); err != nil {
		return nil, err
	}
	wait := make(chan *Conn, 1)
	p.waiting = append(p.waiting, wait)
	return wait, nil
}

// take reports whether one more connection may be open. The lock is held.
func (p *Pool) take() bool {
	if p.cfg.Connections > 0 && p.open >= p.cfg.Connections {
		return false
	}
	return p.cfg.Quota == nil || p.cfg.Quota.Take(p.open)
}

// release gives a place back, to the first in the queue if there is one.
func (p *Pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 && p.mayDial() {
		p.grant() // the place goes over
		return
	}
	p.open--
	if p.cfg.Quota != nil {
		p.cfg.Quota.Give()
	}
}
