//nolint:staticcheck // x/net, not net/http, takes connections that were accepted or dialled elsewhere
package http2

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// ErrConnect marks errors of dialling: the request was not sent.
var ErrConnect = errors.New("connect")

// errClosed is a client that was closed because its instance went away.
var errClosed = errors.New("http/2 client is closed")

// Dialer opens a connection that is ready for the preface.
type Dialer func(ctx context.Context) (net.Conn, error)

// Client sends requests to one instance over as few connections as their limits on
// streams allow. It is safe for concurrent use.
type Client struct {
	dial      Dialer
	transport *http2.Transport

	mu      sync.Mutex // guards what follows
	conns   []*http2.ClientConn
	dialing *dialing // the one in progress, shared by all who need it
	closed  bool
}

type dialing struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
}

// NewClient makes a client that dials with d. Connections without a request for
// idle are closed.
func NewClient(idle time.Duration, d Dialer) *Client {
	c := &Client{dial: d}
	c.transport = &http2.Transport{
		AllowHTTP:          true, // the connection decides, not the scheme
		DisableCompression: true,
		ConnPool:           pool{c},
		IdleConnTimeout:    idle,
		ReadIdleTimeout:    15 * time.Second, // then ping, so that a dead peer is noticed
		PingTimeout:        5 * time.Second,
		MaxHeaderListSize:  maxHeaderBytes,
	}
	return c
}

// RoundTrip sends the request and returns when the head of the answer is there. A
// request that the peer refused unprocessed is sent again by itself if it has no
// body or a GetBody. Errors of dialling are ErrConnect.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.transport.RoundTrip(r)
}

// Refused reports whether the peer said that it did not process the request.
func Refused(err error) bool {
	e, ok := errors.AsType[http2.StreamError](err)
	return ok && e.Code == http2.ErrCodeRefusedStream
}

// Close closes idle connections, and the others when their last stream has ended,
// for which it does not wait.
func (c *Client) Close() {
	c.mu.Lock()
	conns, d := c.conns, c.dialing
	c.conns, c.closed = nil, true
	c.mu.Unlock()
	if d != nil {
		d.cancel()
		<-d.done
	}
	for _, cc := range conns {
		if s := cc.State(); s.StreamsActive+s.StreamsReserved == 0 {
			cc.Close()
		} else {
			cc.SetDoNotReuse()
		}
	}
}

// pool is how the transport asks for connections.
type pool struct{ c *Client }

// GetClientConn returns a connection with a free stream, dialling if there is none.
func (p pool) GetClientConn(r *http.Request, _ string) (*http2.ClientConn, error) {
	for {
		cc, d, err := p.c.reserve(r.Context())
		if cc != nil || err != nil {
			return cc, err
		}
		select {
		case <-d.done:
			if d.err != nil {
				return nil, d.err
			}
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
}

// MarkDead forgets a connection.
func (p pool) MarkDead(dead *http2.ClientConn) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.forget(func(cc *http2.ClientConn) bool { return cc == dead })
}

func (c *Client) forget(which func(*http2.ClientConn) bool) {
	kept := c.conns[:0]
	for _, cc := range c.conns {
		if !which(cc) {
			kept = append(kept, cc)
		}
	}
	clear(c.conns[len(kept):])
	c.conns = kept
}

// reserve takes a stream of a connection, or joins or starts the dialling of one.
func (c *Client) reserve(ctx context.Context) (*http2.ClientConn, *dialing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, errClosed
	}
	for _, cc := range c.conns {
		if cc.ReserveNewRequest() {
			return cc, nil, nil
		}
	}
	c.forget(func(cc *http2.ClientConn) bool { s := cc.State(); return s.Closed || s.Closing })
	if c.dialing == nil {
		// Others wait for this connection too: it must not end with one caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTime)
		c.dialing = &dialing{cancel: cancel, done: make(chan struct{})}
		go c.connect(ctx, c.dialing) // Close waits for it
	}
	return nil, c.dialing, nil
}

// dialTime bounds a dial that no caller's context ends.
const dialTime = 10 * time.Second

func (c *Client) connect(ctx context.Context, d *dialing) {
	defer close(d.done)
	defer d.cancel()
	nc, err := c.dial(ctx)
	var cc *http2.ClientConn
	if err == nil {
		if cc, err = c.transport.NewClientConn(nc); err != nil {
			nc.Close()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = nil
	switch {
	case err != nil:
		d.err = errors.Join(ErrConnect, err)
	case c.closed:
		d.err = errClosed
		cc.Close()
	default:
		c.conns = append(c.conns, cc)
	}
}
