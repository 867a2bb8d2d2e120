package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/pool"
)

// Why a connection is not passed through.
var (
	errOutside  = errors.New("not in the mesh")
	errNoWayOut = errors.New("not in the mesh") // of a request, which is answered
	errLoop     = errors.New("the sidecar's own connection was intercepted: run it as the user that init's --uid names")
)

// outside passes connections through that were going to somebody who is not in the
// mesh.
type outside struct {
	dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)

	mu  sync.Mutex
	own map[netip.AddrPort]struct{} // local addresses of what is passed through now
}

func newOutside() *outside {
	return &outside{
		own: map[netip.AddrPort]struct{}{},
		dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		},
	}
}

// link is the way to where a connection was going.
func (u *outside) link(to netip.AddrPort, within time.Duration) *link {
	return newLink(pool.Config{}, within, func(ctx context.Context, _ string) (net.Conn, error) {
		c, err := u.dial(ctx, to)
		if err != nil {
			return nil, err
		}
		return u.remember(c), nil
	})
}

// remember notes whose connection this is, as without the right rules it comes back.
func (u *outside) remember(c net.Conn) net.Conn {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	at := addrPort(c.LocalAddr())
	u.mu.Lock()
	defer u.mu.Unlock()
	u.own[at] = struct{}{}
	return &remembered{TCPConn: t, forget: sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.own, at)
	})}
}

func (u *outside) isOwn(a net.Addr) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.own[addrPort(a)]
	return ok
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// remembered is a connection that is forgotten when it is closed.
type remembered struct {
	*net.TCPConn
	forget func()
}

// NetConn returns the connection below.
func (r *remembered) NetConn() net.Conn { return r.TCPConn }

func (r *remembered) Close() error {
	r.forget()
	return r.TCPConn.Close()
}

// pass carries an intercepted connection to where it was going, as it is, if that is
// allowed. The name is what it calls its peer: a host or a server name.
func (o *Outbound) pass(ctx context.Context, a *arrival, name string) {
	if name == "" {
		name = a.original.String()
	}
	cfg := o.stream(Port{}, name)
	cfg.handle = o.out(a, o.outside.link(a.original, o.cfg.ConnectTime))
	serveStream(ctx, a.conn, a.conn.Conn, rawClient{a.conn}, cfg)
}

// out is the way of what leaves the mesh.
func (o *Outbound) out(a *arrival, there *link) handler {
	return observe(o.deps.Sink, o.deps.Tap, keeps{o.deps.Sampler, o.deps.Logs, o.deps.Spans}, rescue(o.leave(a, relay(o.deps.Tap, func(x *exchange) error {
		x.sent = time.Now()
		got, err := x.via.send(x, there)
		x.answer = got
		return err
	}))))
}

// beyond is the way of requests that name a service of the mesh, or else leave it. It
// cannot be told before they come: a client of HTTP/2 may wait for its server's
// settings first.
func (o *Outbound) beyond(a *arrival, there *link) handler {
	leaves := o.out(a, there)
	return func(x *exchange) error {
		if x.malformed != nil || o.inMesh(x.ctx, x.ask.Authority) {
			return o.handle(x)
		}
		return leaves(x)
	}
}

// leave decides whether a connection may leave the mesh.
func (o *Outbound) leave(a *arrival, next handler) handler {
	return func(x *exchange) error {
		x.rec.Peer.Service, x.rec.Route = signal.Outside, "passthrough"
		name := o.deps.Onward().name(x.rec.Authority, a.original.Port(), x.stream)
		switch {
		case o.outside.isOwn(a.conn.RemoteAddr()):
			return errLoop
		case name != "":
			x.rec.Peer.Service = name
		case !o.cfg.AllowAny:
			refused := errNoWayOut
			if x.stream {
				refused = errOutside
			}
			return fmt.Errorf("%w: %s, and nothing else may be called", refused, x.rec.Authority)
		}
		return next(x)
	}
}
