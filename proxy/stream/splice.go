package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Side is one of the two ends of a stream.
type Side uint8

// The ends. The client is who connected.
const (
	Neither Side = iota
	Client
	Server
)

func (s Side) String() string { return [...]string{"", "client", "server"}[s] }

// End is how a stream ended.
type End uint8

// The ends of a stream.
const (
	Orderly     End = iota // both sides have ended theirs
	ClientBroke            // the client's connection broke
	ServerBroke            // the server's connection broke
	Idle                   // no byte went either way for too long
	Cut                    // the context ended
)

// Result is what became of a stream.
type Result struct {
	In, Out uint64 // bytes from the client, and to it, that were passed on
	End     End
	First   Side  // who ended its direction first, or broke; Neither for Idle and Cut
	Cause   error // nil if Orderly
}

// Config is what a stream is carried with. The zero value has no early bytes and
// no bound on idleness.
type Config struct {
	// FromClient and FromServer are bytes that were read already.
	FromClient, FromServer []byte
	// Idle is how long no byte may go either way; 0 is no bound. It is noticed up to a
	// quarter late.
	Idle time.Duration
}

// Splice carries bytes both ways until both sides have ended theirs, one of them
// breaks, nothing moves for too long, or ctx ends. It closes both connections: in
// order if the stream ended so, by a reset otherwise.
func Splice(ctx context.Context, client, server net.Conn, cfg Config) Result {
	s := &splice{client: client, server: server, over: ctx.Err}
	stopCut := context.AfterFunc(ctx, func() { s.stop(Cut, context.Cause(ctx)) })
	stopWatch := s.watch(cfg.Idle)
	var back sync.WaitGroup
	back.Go(func() { s.copy(pipe{to: client, from: server, early: cfg.FromServer, n: &s.out, fromSide: Server}) })
	s.copy(pipe{to: server, from: client, early: cfg.FromClient, n: &s.in, fromSide: Client})
	back.Wait()
	stopWatch()
	stopCut()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Result{In: s.in.Load(), Out: s.out.Load(), End: s.end, First: s.first, Cause: s.cause}
	if r.End == Orderly {
		client.Close()
		server.Close()
		return r
	}
	Reset(client)
	Reset(server)
	return r
}

// splice is one stream on its way.
type splice struct {
	client, server net.Conn
	in, out        atomic.Uint64
	over           func() error // not nil once the stream is cut

	mu    sync.Mutex // guards what follows
	end   End
	first Side
	cause error
}

// pipe is one direction.
type pipe struct {
	to, from net.Conn
	early    []byte
	n        *atomic.Uint64
	fromSide Side
}

func (p *pipe) toSide() Side { return Client + Server - p.fromSide }

// copy carries one direction to its end.
func (s *splice) copy(p pipe) {
	var b buffer
	defer b.free()
	data, readErr := p.early, error(nil)
	for {
		if len(data) > 0 {
			if _, err := p.to.Write(data); err != nil {
				s.unwritable(&p, err)
				return
			}
			p.n.Add(uint64(len(data)))
		}
		if readErr != nil {
			break
		}
		var n int
		space := b.next()
		n, readErr = p.from.Read(space)
		data = space[:n]
		b.saw(n)
	}
	if !errors.Is(readErr, io.EOF) {
		s.broke(p.fromSide, readErr)
		return
	}
	s.ended(p.fromSide)
	if half, ok := p.to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		// The other direction goes on: what cannot be told is that this one has ended.
		s.unwritable(&p, io.ErrClosedPipe)
	}
}

// unwritable ends a direction that can deliver nothing more. Its receiver may have
// answered before it went away: what it said is still read.
func (s *splice) unwritable(p *pipe, err error) {
	s.note(p.toSide(), err)
	p.to.SetReadDeadline(time.Now().Add(farewell)) //nolint:errcheck // it is broken
}

// farewell is how long the last words of a side that takes no more are read.
const farewell = time.Second

// ended notes who ended its direction first.
func (s *splice) ended(side Side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == Neither {
		s.first = side
	}
}

// broke ends both directions because one side's connection is no more.
func (s *splice) broke(side Side, err error) {
	s.note(side, err)
	s.interrupt()
}

// note keeps the first thing that went wrong.
func (s *splice) note(side Side, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.end != Orderly:
	case s.over() != nil: // and so closed by others than the two sides
		s.first, s.cause, s.end = Neither, s.over(), Cut
	case side == Server:
		s.first, s.cause, s.end = side, err, ServerBroke
	default:
		s.first, s.cause, s.end = side, err, ClientBroke
	}
}

// stop ends both directions for a reason of this side.
func (s *splice) stop(end End, cause error) {
	s.mu.Lock()
	if s.end == Orderly {
		s.end, s.first, s.cause = end, Neither, cause
	}
	s.mu.Unlock()
	s.interrupt()
}

// interrupt makes everything return that blocks on either connection.
func (s *splice) interrupt() {
	past := time.Unix(1, 0)
	s.client.SetDeadline(past) //nolint:errcheck // a closed connection needs none
	s.server.SetDeadline(past) //nolint:errcheck // a closed connection needs none
}

// errIdle is the cause of an end for idleness.
var errIdle = errors.New("no byte either way")

// watch ends the stream when its counters stand still. One timer serves both
// directions, and no read or write pays for it.
func (s *splice) watch(idle time.Duration) (stop func()) {
	if idle <= 0 {
		return func() {}
	}
	const looks = 4
	seen, still := uint64(0), 0
	var t *time.Timer
	var mu sync.Mutex // guards stopped, seen, still and the timer
	stopped := false
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		now := s.in.Load() + s.out.Load()
		if still++; now != seen {
			seen, still = now, 0
		}
		switch {
		case stopped:
		case still >= looks:
			s.stop(Idle, errIdle)
		default:
			t.Reset(idle / looks)
		}
	}
	mu.Lock()
	t = time.AfterFunc(idle/looks, look)
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		t.Stop()
	}
}

// Reset closes a connection so that its peer cannot take it for an end in order: a
// reset for TCP, no close_notify for TLS.
func Reset(c net.Conn) {
	for {
		below, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = below.NetConn()
	}
	if t, ok := c.(interface{ SetLinger(sec int) error }); ok {
		t.SetLinger(0) //nolint:errcheck // it is closed in any case
	}
	c.Close()
}
