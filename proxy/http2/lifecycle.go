package http2

import (
	"time"

	"golang.org/x/net/http2"
)

// maxSpare is how many streams a connection keeps for reuse.
const maxSpare = 32

// newStream makes a stream, or reuses one of the connection's. A reader that still
// holds a stream of before tells by its number. The lock is held.
func (c *conn) newStream(id uint32, w Waker) *Stream {
	var s *Stream
	if n := len(c.spares); n > 0 {
		s = c.spares[n-1]
		c.spares = c.spares[:n-1]
	} else {
		s = &Stream{c: c}
	}
	s.id, s.waker = id, w
	s.send, s.recv, s.length = c.peer.window, streamWindow, -1
	s.since = time.Now()
	s.closed = false
	c.streams[id] = s
	c.newest = max(c.newest, id)
	return s
}

// Close ends the use of the stream, and resets it if one side has not finished: after
// a whole answer with NO_ERROR, as what is still to come of the request is not needed.
// What was gathered should have been flushed, or is by whoever flushes next.
func (s *Stream) Close() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.closed {
		return
	}
	switch {
	case s.recvEnded && s.sentEnded:
	case c.server && s.sentEnded:
		s.reset(http2.ErrCodeNo)
	case c.server:
		s.reset(http2.ErrCodeInternal)
	default:
		s.reset(http2.ErrCodeCancel)
	}
	s.release()
	c.wakeFlusher()
}

// release takes the stream off the connection. The lock is held.
func (s *Stream) release() {
	c := s.c
	s.closed = true
	if s.ctx != nil {
		s.ctx.end()
	}
	if rest := s.got - s.taken; rest > 0 {
		c.giveCredit(rest)
	}
	se, _ := s.err.(*StreamError) //nolint:errorlint // it is never wrapped
	c.gone.add(s.id, se != nil && !se.Remote)
	delete(c.streams, s.id)
	c.heads -= s.cost
	buffers.giveBack(s.in)
	buffers.giveBack(s.lent)
	if len(c.spares) < maxSpare && c.err == nil {
		s.forget()
		c.spares = append(c.spares, s)
	}
	c.role.released()
}

// forget makes the stream as new, but for the lists of its heads.
func (s *Stream) forget() {
	seen, trailed, head, trailers := s.seen, s.trailed, s.head, s.trailers
	*s = Stream{c: s.c, closed: true}
	s.seen, s.trailed, s.head, s.trailers = seen, trailed, head, trailers
	for _, h := range [...]*Head{&s.seen, &s.trailed, &s.head, &s.trailers} {
		h.Reset()
		if cap(h.Fields) > 64 {
			h.Fields = nil
		}
	}
}
