package http2

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// Dialer opens a connection that is ready for the preface.
type Dialer func(ctx context.Context) (net.Conn, error)

// ClientConfig bounds a client. A zero limit is none.
type ClientConfig struct {
	// Idle is how long a connection without a stream is kept.
	Idle time.Duration
	// KeepAlive is how long a peer may be silent before it is asked whether it is there.
	// Leave it 0 towards servers that take pings for abuse.
	KeepAlive time.Duration
	// Connections is how many may be open at once. 0 is 64.
	Connections int
	// Pending is how many requests may wait when all of them are full. 0 is 1024.
	Pending int
	// Streams is how many one connection carries at once, Requests how many in all, and
	// Age how long it takes new ones.
	Streams, Requests int
	Age               time.Duration
	// Quota bounds the connections of several clients together; nil is none.
	Quota Quota
}

// Quota bounds what several clients have open, and who waits, together.
type Quota interface {
	// Take asks for a connection for a client that has so many; Give gives it back.
	Take(open int) bool
	Give()
	// Wait counts a request that waits, or says why it may not; Served ends that.
	Wait() error
	Served()
}

// Client sends requests to one peer over as few connections as the peer's limit on
// streams allows. It is safe for concurrent use.
type Client struct {
	cfg  ClientConfig
	dial Dialer

	conns atomic.Pointer[[]*clientConn] // swapped whole, under mu
	queue queue

	mu      sync.Mutex // guards what follows
	dialing *dialing   // the one in progress, shared by all who need it
	closed  bool
}

type dialing struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// NewClient makes a client that dials with d, which bounds the time that takes.
func NewClient(cfg ClientConfig, d Dialer) *Client {
	if cfg.Connections == 0 {
		cfg.Connections = 64
	}
	if cfg.Pending == 0 {
		cfg.Pending = 1024
	}
	c := &Client{cfg: cfg, dial: d}
	c.conns.Store(new([]*clientConn))
	return c
}

// Open gathers a request's head on a connection with a free stream, dialling if there
// is none. Its errors are ErrConnect, ErrNotSpoken, ErrHungUp, ErrOverflow, ErrQueued, ErrClosed
// or the context's: the request was not sent.
func (c *Client) Open(ctx context.Context, h *Head, w Waker) (*Stream, error) {
	return c.open(ctx, h, 0, w)
}

// OpenOnly is Open for a request that ends with its head.
func (c *Client) OpenOnly(ctx context.Context, h *Head, w Waker) (*Stream, error) {
	return c.open(ctx, h, http2.FlagHeadersEndStream, w)
}

func (d *dialing) wait(ctx context.Context) error {
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// again says that the connections have changed since they were looked at.
var again = &dialing{}

// greetTime bounds how long a peer may take to send its SETTINGS.
const greetTime = 5 * time.Second

// SetKeepAlive sets ClientConfig.KeepAlive; it is called before the first use.
func (c *Client) SetKeepAlive(d time.Duration) { c.cfg.KeepAlive = d }

// SetStreams sets ClientConfig.Streams; it is called before the first use.
func (c *Client) SetStreams(n int) { c.cfg.Streams = n }

// Connections is how many are open.
func (c *Client) Connections() int { return len(*c.conns.Load()) }

// Close closes idle connections, and the others when their last stream has ended,
// for which it does not wait.
func (c *Client) Close() {
	c.mu.Lock()
	conns, d := *c.conns.Load(), c.dialing
	c.closed = true
	c.mu.Unlock()
	c.queue.wake()
	if d != nil {
		d.cancel()
		<-d.done
		conns = *c.conns.Load()
	}
	for _, cc := range conns {
		if cc.shut() {
			<-cc.done
		}
	}
}

func (c *Client) open(ctx context.Context, h *Head, flags http2.Flags, w Waker) (*Stream, error) {
	s, conns, err := c.tryAll(h, flags, w)
	if s != nil || err != nil {
		return s, err
	}
	since := time.Now()
	for s == nil && err == nil {
		var d *dialing
		d, err = c.reserve(ctx, conns)
		switch {
		case err != nil:
			return nil, err
		case d == again:
		case d != nil:
			err = d.wait(ctx)
		default:
			s, err = c.queueUp(ctx, h, flags, w)
		}
		if s == nil && err == nil {
			s, conns, err = c.tryAll(h, flags, w)
		}
	}
	if s != nil {
		s.waited = time.Since(since)
	}
	return s, err
}

// tryAll opens the stream on the first connection with room.
func (c *Client) tryAll(h *Head, flags http2.Flags, w Waker) (*Stream, []*clientConn, error) {
	conns := *c.conns.Load()
	for _, cc := range conns {
		if s, err := cc.open(h, flags, w); s != nil || err != nil {
			return s, conns, err
		}
	}
	return nil, conns, nil
}

// reserve joins or starts the dialling of a connection beside those that are full. It
// is nil if there are as many as there may be.
func (c *Client) reserve(ctx context.Context, full []*clientConn) (*dialing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := *c.conns.Load()
	switch {
	case c.closed:
		return nil, ErrClosed
	case c.dialing != nil:
		return c.dialing, nil
	case !slices.Equal(now, full):
		return again, nil
	case len(now) >= c.cfg.Connections, c.cfg.Quota != nil && !c.cfg.Quota.Take(len(now)):
		return nil, nil //nolint:nilnil // there is no dialling to wait for
	}
	// Others wait for this connection too: it must not end with one caller.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &dialing{cancel: cancel, done: make(chan struct{})}
	c.dialing = d
	go c.connect(ctx, d) // Close waits for it
	return d, nil
}

// queueUp waits until a stream has ended somewhere, unless there is room by now.
func (c *Client) queueUp(ctx context.Context, h *Head, flags http2.Flags, w Waker) (*Stream, error) {
	if q := c.cfg.Quota; q != nil {
		if err := q.Wait(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOverflow, err)
		}
		defer q.Served()
	}
	place, err := c.queue.join(c.cfg.Pending)
	if err != nil {
		return nil, err
	}
	if s, _, err := c.tryAll(h, flags, w); s != nil || err != nil {
		c.queue.leave(place)
		return s, err
	}
	select {
	case <-place:
		return nil, nil //nolint:nilnil // look again
	case <-ctx.Done():
		c.queue.leave(place)
		return nil, fmt.Errorf("%w: %w", ErrQueued, context.Cause(ctx))
	}
}

func (c *Client) connect(ctx context.Context, d *dialing) {
	defer close(d.done)
	defer d.cancel()
	cc, err := c.greet(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = nil
	switch {
	case errors.Is(err, ErrNotSpoken), errors.Is(err, ErrHungUp):
		d.err = err
		c.give()
	case err != nil:
		d.err = errors.Join(ErrConnect, err)
		c.give()
	case c.closed:
		d.err = ErrClosed
		c.give()
		cc.shut()
	default:
		c.keep(append(slices.Clone(*c.conns.Load()), cc))
		select {
		case <-cc.done: // it was forgotten before it was known
			c.drop(cc)
		default:
		}
	}
}

// greet dials and waits until the peer has sent its SETTINGS.
func (c *Client) greet(ctx context.Context) (*clientConn, error) {
	nc, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	cc := c.newConn(nc)
	cc.begin()
	if err := cc.await(ctx.Done()); err != nil {
		cc.abort(err)
		<-cc.done
		return nil, err
	}
	cc.startTick(cc.look)
	return cc, nil
}

// give gives a connection back that is not on the list any more, or never was.
func (c *Client) give() {
	if c.cfg.Quota != nil {
		c.cfg.Quota.Give()
	}
}

func (c *Client) keep(conns []*clientConn) { c.conns.Store(&conns) }

// drop takes a connection off the list. The lock is held.
func (c *Client) drop(dead *clientConn) {
	c.give()
	c.keep(slices.DeleteFunc(slices.Clone(*c.conns.Load()), func(cc *clientConn) bool { return cc == dead }))
}

// forget drops a connection that has ended, which makes room for another.
func (c *Client) forget(dead *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(*c.conns.Load(), dead) {
		c.drop(dead)
	}
	c.queue.wake()
}
