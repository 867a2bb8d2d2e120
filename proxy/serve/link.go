package serve

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/proxy/gather"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/stream"
)

// link is the way to one instance, or to the app: connections for each protocol.
type link struct {
	h1 *pool.Pool
	h2 *http2.Client
	// polite says that the other end is a sidecar: one that has read a request never
	// ends the connection in order (by TLS's close_notify) without an answer.
	polite bool
	// plain says that nothing is encrypted on the way there: a stream's bytes go as they
	// are, and the end of a connection proves nothing.
	plain bool
	// scheme is what requests of HTTP/2 are said to be of; empty is what the client says.
	scheme string
	// app is what the other end is known to speak.
	app spoken
	// races counts requests that met the end of a kept connection; nil counts nothing.
	races *atomic.Uint64

	dialStream func(context.Context) (net.Conn, error)
	dialTLS    func(context.Context) (net.Conn, error) // of what is TLS already, where the mesh does not encrypt it
	streams    atomic.Int64                            // open now
	quota      pool.Quota                              // of the link and of others; nil is none
	streamIdle time.Duration                           // of a stream of bytes; 0 leaves it to who opened it
	streamAge  time.Duration                           // that a stream may get; 0 is no bound

	used   atomic.Bool // since the last sweep
	unused int         // sweeps in a row; owned by the sweep
}

// maxDialling bounds the connections that are being made to one instance at once. When
// an instance comes back under load, every request finds no connection: if each made
// its own, a short machine would do nothing but handshakes, none of which ends in time.
const maxDialling = 32

// forgotten is how many sweeps without use a link outlives. An instance that goes
// away takes its link with it; this is for a request that brought it back just then.
const forgotten = 600

// Encrypted stands for ALPN where bytes are to be carried that are TLS of the app's own,
// which is encrypted once more by the mesh alone.
const Encrypted = ""

// dialFunc opens a connection for a protocol by its ALPN name.
type dialFunc func(ctx context.Context, alpn string) (net.Conn, error)

func newLink(cfg pool.Config, connectTime time.Duration, dial dialFunc) *link {
	within := func(alpn string) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, connectTime)
			defer cancel()
			return dial(ctx, alpn)
		}
	}
	return &link{
		h1: pool.New(cfg, within("http/1.1")),
		h2: http2.NewClient(http2.ClientConfig{
			Idle: cfg.IdleTime, Connections: cfg.Connections, Pending: cfg.Pending,
			Requests: cfg.Requests, Age: cfg.Age, Quota: cfg.Quota,
		}, func(ctx context.Context) (net.Conn, error) {
			c, err := within("h2")(ctx)
			return unmonitored(c), err
		}),

		dialStream: within(stream.ALPN),
		dialTLS:    within(Encrypted),
		quota:      cfg.Quota,
	}
}

// unmonitored makes reads and writes of a socket cheap; what lies below TLS is so already.
// See [socket.Recv].
func unmonitored(c net.Conn) net.Conn {
	if _, ok := c.(syscall.Conn); ok {
		return gather.Plain(c)
	}
	return c
}

// stream opens a connection for a stream of bytes. Whoever gets one calls endStream
// when it is over.
func (l *link) stream(ctx context.Context, encrypted bool) (net.Conn, error) { //nolint:revive // what the bytes are
	open := l.streams.Add(1) - 1
	if l.quota != nil && !l.quota.Take(int(open)) {
		l.streams.Add(-1)
		return nil, fmt.Errorf("%w: all connections are in use (maxConnections)", pool.ErrOverflow)
	}
	dial := l.dialStream
	if encrypted && l.plain {
		dial = l.dialTLS
	}
	c, err := dial(ctx)
	if err != nil {
		l.endStream()
	}
	return c, err
}

func (l *link) endStream() {
	l.streams.Add(-1)
	if l.quota != nil {
		l.quota.Give()
	}
}

// proved reports whether the other end has proved to be a sidecar of the mesh. A service
// entry, or an instance that takes no mutual TLS, may be anybody.
func (l *link) proved() bool { return l.polite && !l.plain }

func (l *link) close() {
	l.h1.Close()
	l.h2.Close()
}

// links keeps the link to each instance as long as there is one.
type links[K comparable] struct {
	mu  sync.RWMutex
	all map[K]*link
}

// to returns the link to k, made by open at the first use.
func (ls *links[K]) to(k K, open func() *link) *link {
	ls.mu.RLock()
	l := ls.all[k]
	if l != nil && !l.used.Load() {
		l.used.Store(true)
	}
	ls.mu.RUnlock()
	if l != nil {
		return l
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l = ls.all[k]; l == nil {
		if ls.all == nil {
			ls.all = make(map[K]*link)
		}
		l = open()
		ls.all[k] = l
	}
	l.used.Store(true)
	return l
}

// remove closes the link to k; requests on it are finished.
func (ls *links[K]) remove(k K) {
	ls.mu.Lock()
	l := ls.all[k]
	delete(ls.all, k)
	ls.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// removeOf closes the links that gone says it of, as remove does.
func (ls *links[K]) removeOf(gone func(K) bool) {
	ls.mu.Lock()
	var closing []*link
	for k, l := range ls.all {
		if gone(k) {
			closing = append(closing, l)
			delete(ls.all, k)
		}
	}
	ls.mu.Unlock()
	for _, l := range closing {
		l.close()
	}
}

// closeAll removes every link.
func (ls *links[K]) closeAll() {
	ls.mu.Lock()
	all := ls.all
	ls.all = nil
	ls.mu.Unlock()
	for _, l := range all {
		l.close()
	}
}

// sweep closes connections that lay idle too long, every second until ctx ends.
func (ls *links[K]) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			ls.sweepAt(now)
		}
	}
}

func (ls *links[K]) sweepAt(now time.Time) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for k, l := range ls.all {
		l.h1.Sweep(now)
		l.unused++
		if l.used.Swap(false) {
			l.unused = 0
		}
		if l.unused >= forgotten && l.h1.Open() == 0 {
			delete(ls.all, k)
			l.close()
		}
	}
}
