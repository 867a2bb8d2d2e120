package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
)

// Handler takes one request of a client through. It is called in its own goroutine
// when the head has come, and must Close the stream.
type Handler func(s *Stream)

// ServerConn is a connection from a client.
type ServerConn struct {
	conn
	handle  Handler
	workers workers

	// Guarded by the connection's lock.
	last      uint32 // streams beyond are not handled; set by the second GOAWAY
	leaving   leaving
	leavingAt time.Time
}

// leaving is how far the connection is with its graceful end.
type leaving uint8

const (
	staying  leaving = iota
	asking           // the first GOAWAY was sent, streams that cross it are handled
	parting          // the second one, which says which stream was the last
	departed         // and the last stream has ended
)

// leavingPing tells our PING behind the first GOAWAY by its answer.
var leavingPing = [8]byte{'l', 'e', 'a', 'v', 'i', 'n', 'g'}

// NewServerConn makes a connection of nc, which has been accepted. Serve starts it.
func NewServerConn(nc net.Conn, h Handler) *ServerConn {
	c := &ServerConn{handle: h, last: lastStreamAny, workers: workers{next: make(chan *Stream)}}
	c.server = true
	c.init(nc, c)
	c.hello(
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeadBytes},
		http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1},
	)
	return c
}

// Serve serves the connection until either side ends it or the context does. All
// handlers have returned before it does. It does not close nc. It returns nil when the
// connection ended in order.
func (c *ServerConn) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	defer stop()
	if err := c.readPreface(); err != nil {
		return err
	}
	c.startTick(c.look) // it looks after the first flush, too
	c.flush()
	err := c.run()
	if errors.Is(err, io.EOF) || errors.Is(err, errDeparted) {
		return nil
	}
	return err
}

// Drain asks the client to send no more requests: first in general, and when it must
// have heard of that, by the number of the last one that is handled. The connection
// ends when that is answered; Drain does not wait for it.
func (c *ServerConn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving != staying || c.err != nil {
		return
	}
	c.leaving, c.leavingAt = asking, time.Now()
	c.fr.WriteGoAway(lastStreamAny, http2.ErrCodeNo, nil) //nolint:errcheck // gathering cannot fail
	c.fr.WritePing(false, leavingPing)                    //nolint:errcheck // as above
	c.wakeFlusher()
}

// readPreface takes the client's preface, in the time there is.
func (c *ServerConn) readPreface() error {
	c.nc.SetReadDeadline(time.Now().Add(prefaceTime)) //nolint:errcheck // the read tells
	var p [len(http2.ClientPreface)]byte
	if _, err := io.ReadFull(&c.src, p[:]); err != nil {
		return unexpected(err)
	}
	if string(p[:]) != http2.ClientPreface {
		return errors.New("connection does not begin with the preface of HTTP/2")
	}
	return c.nc.SetReadDeadline(time.Time{})
}

// pong is the answer to a ping. The lock is held.
func (c *ServerConn) pong(data [8]byte) {
	if data == leavingPing && c.leaving == asking {
		c.part()
	}
}

// part sends the second GOAWAY. The lock is held.
func (c *ServerConn) part() {
	c.leaving, c.last = parting, c.newest
	c.fr.WriteGoAway(c.last, http2.ErrCodeNo, nil) //nolint:errcheck // gathering cannot fail
	c.wakeFlusher()
	c.released()
}

// look is called every now and then.
func (c *ServerConn) look(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving == asking && now.Sub(c.leavingAt) > goAwayTime {
		c.part()
	}
	if c.err == nil {
		c.rest()
	}
}

var errDeparted = errors.New("connection is drained")

// released ends the connection when its last stream has, if it is to. The lock is held.
func (c *ServerConn) released() {
	if c.leaving != parting || len(c.streams) > 0 || c.err != nil {
		return
	}
	c.leaving = departed
	c.handlers.Go(func() { // run waits for it
		c.farewell()
		c.mu.Lock()
		c.fail(errDeparted)
		c.mu.Unlock()
		c.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // run is to return
	})
}

// goAway is a client that will send no more; it ends the connection itself.
func (*ServerConn) goAway(uint32, Code, string) {}

func (*ServerConn) settled() {}

// opened starts the request whose head is in the block.
func (c *ServerConn) opened(id uint32, flags http2.Flags) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id%2 == 0 {
		return connErrorf(http2.ErrCodeProtocol, "a client opens stream %d", id)
	}
	if id > c.last || c.err != nil { // it is told by the GOAWAY that this was not handled
		c.newest = max(c.newest, id)
		c.gone.add(id, true)
		return c.calm.chat()
	}
	cost := c.block.head.size
	if len(c.streams) >= maxStreams || c.heads+cost > maxOpenHeads {
		c.newest = max(c.newest, id)
		return &violation{id, http2.ErrCodeRefusedStream, "too many streams"}
	}
	c.calm.progress()
	s := c.newStream(id, nil)
	s.head, c.block.head = c.block.head, s.head
	s.headReady, s.cost = true, cost
	c.heads += cost
	s.length, s.ctx = s.head.Length, &streamContext{}
	s.malformed, s.tooLarge = c.block.bad, c.block.tooLarge
	if s.recvEnded = flags.Has(http2.FlagHeadersEndStream); s.recvEnded && s.length > 0 && s.malformed == nil {
		s.malformed = errors.New("content-length without a body")
	}
	if s.malformed != nil {
		if err := c.calm.reset(); err != nil {
			delete(c.streams, id)
			return err
		}
	}
	c.opening = append(c.opening, s)
	return nil
}

// SetWaker says what tells of the stream's news; without one nothing does. It is
// called before the first wait.
func (s *Stream) SetWaker(w Waker) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.waker = w
	w.Wake() // for what came before
}

// SetSecond adds a waker, for a second goroutine that waits for the stream.
func (s *Stream) SetSecond(w Waker) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.second = w
	w.Wake() // for what came before
}

// Finished reports whether all of the body has come.
func (s *Stream) Finished() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.recvEnded && len(s.in) == 0 && !s.trailer
}
