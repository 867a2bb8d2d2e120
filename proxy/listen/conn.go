package listen

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/proxy/socket"
)

// Phase is where a connection stands.
type Phase uint32

// The phases of a connection.
const (
	Starting  Phase = iota // until its protocol is known and its handshake done
	Idle                   // between requests: a drain may end it
	Reading                // a request head has begun
	Waiting                // for somebody else's answer: the client may hang up
	Busy                   // passing bytes on
	Unwatched              // its protocol looks after itself
)

// Conn is an accepted connection under a Server's eye.
type Conn struct {
	net.Conn

	state    atomic.Uint64 // a count of changes above 8 bits of Phase
	body     atomic.Uint64 // of waits for a request body; 0 for none, or anyBody
	draining atomic.Bool
	heir     func() Pass // nil for none

	mu      sync.Mutex // guards what follows
	onDrain func()
	onGone  func(socket.End)

	// Owned by the Server's watch.
	socket *socket.Socket
	last   uint64        // state as it was seen last
	stayed time.Duration // for how long it has been so
	waits  uint64        // body as it was seen last
	paused time.Duration // for how long it has been so
}

// anyBody is a body that may take its time.
const anyBody = ^uint64(0)

func newConn(nc net.Conn) *Conn { return &Conn{Conn: nc, socket: socket.Of(nc)} }

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Enter says where the connection stands now. Only its handler may call it.
func (c *Conn) Enter(p Phase) {
	before := c.state.Load()
	c.state.Store((before>>8+1)<<8 | uint64(p))
	if phaseOf(before) == Idle && p != Idle && c.draining.Load() {
		// The drain may have taken it for idle just before, and interrupted what is the
		// reading of a request by now.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.SetReadDeadline(time.Time{}) //nolint:errcheck // a closed connection needs none
	}
}

// AwaitBody says that more of a request body is to be read, and is not there yet: it
// must come within Config.Body. Whoever reads the body may call it.
func (c *Conn) AwaitBody() {
	if n := c.body.Load(); n != anyBody {
		c.body.CompareAndSwap(n, n+1) // or it was just let go
	}
}

// LetBody lets the present request's body take its time, as when its answer has begun.
func (c *Conn) LetBody() { c.body.Store(anyBody) }

// EndBody says that no body is awaited.
func (c *Conn) EndBody() {
	if c.body.Load() != 0 {
		c.body.Store(0)
	}
}

func phaseOf(state uint64) Phase { return Phase(state & 0xff) }

// OnGone sets what is called, from another goroutine, when the client has hung up
// (or half-closed) while the connection is Waiting. It may be called repeatedly.
func (c *Conn) OnGone(f func(socket.End)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onGone = f
}

// OnDrain sets what is called once, from another goroutine, when the server starts
// to drain; at once if it does already.
func (c *Conn) OnDrain(f func()) {
	c.mu.Lock()
	c.onDrain = f
	c.mu.Unlock()
	if c.draining.Load() {
		f()
	}
}

// Draining reports whether the server is, and the connection ends with it: the next
// response should be the last. One that Pass can pass on does not end.
func (c *Conn) Draining() bool { return c.draining.Load() && c.pass() == nil }

// Leaving reports whether the server drains.
func (c *Conn) Leaving() bool { return c.draining.Load() }

// Pass passes the connection on to the process that goes on, when the server drains and
// there is one. Only its handler may call it, while the connection is idle and nothing
// that was read from it is unused; and must return when it reports true.
func (c *Conn) Pass() bool {
	if !c.draining.Load() {
		return false
	}
	pass := c.pass()
	return pass != nil && c.SetReadDeadline(time.Time{}) == nil && pass(c.Conn)
}

// Resume makes reads work again after a drain has interrupted one, and reports
// whether a request has come in nevertheless.
func (c *Conn) Resume() bool {
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return false
	}
	return socket.Of(c.Conn).Readable()
}

// Retire has the connection end as if the server drained: when what is under way on it is
// over. It may be called repeatedly, from any goroutine.
func (c *Conn) Retire() {
	if !c.draining.Load() {
		c.drain()
	}
}

func (c *Conn) pass() Pass {
	if c.heir == nil {
		return nil
	}
	return c.heir()
}

// drain marks the connection and interrupts its wait for another request.
func (c *Conn) drain() {
	c.draining.Store(true)
	c.mu.Lock()
	f := c.onDrain
	c.mu.Unlock()
	if f != nil {
		f()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := phaseOf(c.state.Load()); p == Idle {
		c.interrupt()
	}
}

// interrupt makes the read in progress, and those after it, time out.
func (c *Conn) interrupt() {
	c.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed connection needs none
}

// cut closes the connection when its time is over. One whose bytes are not understood
// is reset: its peer must not take the end of them for their end.
func (c *Conn) cut() {
	if t, ok := c.Conn.(*net.TCPConn); ok && phaseOf(c.state.Load()) == Unwatched {
		t.SetLinger(0) //nolint:errcheck // it is closed in any case
	}
	c.Close()
}

// look is called every now and then by the server.
func (c *Conn) look(cfg *Config) {
	c.lookAtBody(cfg)
	state := c.state.Load()
	if state != c.last {
		c.last, c.stayed = state, 0
		return
	}
	c.stayed += cfg.Every
	switch phaseOf(state) {
	case Starting, Reading:
		if c.stayed >= cfg.Head {
			c.interrupt()
		}
	case Idle:
		if c.stayed >= cfg.Idle {
			c.interrupt()
		}
	case Waiting:
		c.lookForEnd()
	}
}

// lookAtBody ends the wait for a body of which nothing has come for too long.
func (c *Conn) lookAtBody(cfg *Config) {
	waits := c.body.Load()
	if waits == 0 || waits == anyBody || waits != c.waits {
		c.waits, c.paused = waits, 0
		return
	}
	if c.paused += cfg.Every; c.paused >= cfg.Body {
		c.interrupt()
	}
}

func (c *Conn) lookForEnd() {
	end := c.socket.End()
	if end == socket.Connected {
		return
	}
	c.mu.Lock()
	f := c.onGone
	c.mu.Unlock()
	if f != nil {
		f(end)
	}
}

// Linger closes the connection so that the peer can read what was sent to it last:
// the sending side first, the rest when the peer has closed too or a while later.
// A plain close with unread bytes would reset the connection under the answer.
func Linger(c net.Conn, patience time.Duration) {
	defer c.Close()
	h, ok := c.(interface{ CloseWrite() error })
	if !ok || h.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(patience)) != nil {
		return
	}
	var scrap [4 << 10]byte
	for total := 0; total < 1<<20; {
		n, err := c.Read(scrap[:])
		if err != nil {
			return
		}
		total += n
	}
}
