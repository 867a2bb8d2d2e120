// Package listen accepts connections and looks after them until they end: it tells
// their protocols apart, notices clients that hang up or never finish a request
// head, and drains, so that a sidecar that ends loses no request.
//
// It keeps one goroutine per connection, the handler's, and one per listener that
// looks at all connections a few times a second. A connection says where it stands
// by [Conn.Enter], which costs one atomic store; no timer is set per request.
package listen

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultConnections is how many connections a server has at once if nothing is said.
const DefaultConnections = 32 << 10

// Config is how a Server treats its connections. The zero value has the defaults.
type Config struct {
	// Drain is how long connections may go on when Serve's context has ended. 0 is 30 s.
	Drain time.Duration
	// Head is how long a handshake or a request head may take. 0 is 30 s.
	Head time.Duration
	// Body is how long a request body may pause before its answer has begun. 0 is 5 min.
	Body time.Duration
	// Connections is how many there may be at once; more are closed as they come. 0 is
	// DefaultConnections.
	Connections int
	// Overflow counts those that were closed for that; may be nil.
	Overflow *atomic.Uint64
	// Idle is how long a connection may lie idle between requests. 0 is one hour.
	Idle time.Duration
	// Every is how often connections are looked at. 0 is 200 ms.
	Every time.Duration
	// Heir returns what passes an idle connection on to the process that goes on, or nil
	// while there is none; see Conn.Pass. It is called while the server drains.
	Heir func() Pass
}

// Pass passes a connection on and reports whether that worked: the connection is
// another's then.
type Pass func(net.Conn) bool

func (c Config) withDefaults() Config {
	for field, value := range map[*time.Duration]time.Duration{
		&c.Drain: 30 * time.Second, &c.Head: 30 * time.Second, &c.Body: 5 * time.Minute, &c.Idle: time.Hour, &c.Every: 200 * time.Millisecond,
	} {
		if *field == 0 {
			*field = value
		}
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.Overflow == nil {
		c.Overflow = new(atomic.Uint64)
	}
	return c
}

// Handler serves one connection to its end. The context ends when the time to
// drain is over. The connection is closed when it returns.
type Handler func(ctx context.Context, c *Conn)

// Server accepts connections from one listener.
type Server struct {
	cfg    Config
	handle Handler

	mu    sync.Mutex // guards what follows
	conns map[*Conn]struct{}

	handlers sync.WaitGroup
}

// New makes a server for one call of Serve.
func New(cfg Config, h Handler) *Server {
	return &Server{cfg: cfg.withDefaults(), handle: h, conns: make(map[*Conn]struct{})}
}

// Serve accepts until ctx ends and then drains: it stops accepting, wakes idle
// connections, lets the others finish for up to Config.Drain, and closes what is
// left. It returns nil after that, or the error that ended accepting. The listener
// is closed in any case.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	alive, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(alive)
	}()
	err := s.accept(ctx, alive, l)
	l.Close()
	s.drain()
	end()
	s.closeAll()
	s.handlers.Wait()
	<-watched
	return err
}

func (s *Server) accept(ctx, alive context.Context, l net.Listener) error {
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.start(alive, nc)
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was asked to end
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of descriptors, or a connection that was gone at once
			pause = min(max(2*pause, time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func (s *Server) start(alive context.Context, nc net.Conn) {
	c := newConn(nc)
	c.heir = s.cfg.Heir
	s.mu.Lock()
	if len(s.conns) >= s.cfg.Connections {
		s.mu.Unlock()
		s.cfg.Overflow.Add(1)
		nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	s.handlers.Go(func() {
		defer s.forget(c)
		s.handle(alive, c)
	})
}

func (s *Server) forget(c *Conn) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// each calls f for every connection, without the lock.
func (s *Server) each(f func(c *Conn)) {
	s.mu.Lock()
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// watch looks at all connections until ctx ends.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.each(func(c *Conn) { c.look(&s.cfg) })
		}
	}
}

// drain waits for the connections to end by themselves.
func (s *Server) drain() {
	s.each((*Conn).drain)
	done := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(done)
	}()
	late := time.NewTimer(s.cfg.Drain)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}

func (s *Server) closeAll() {
	s.each((*Conn).cut)
}
