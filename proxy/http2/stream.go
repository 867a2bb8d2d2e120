package http2

import (
	"context"
	"time"

	"golang.org/x/net/http2"
)

// Waker tells whoever waits for a stream, or for two, that something is new. It never
// loses a call, but may tell of what was seen already.
type Waker chan struct{}

// NewWaker makes a waker.
func NewWaker() Waker { return make(Waker, 1) }

// Wake makes the next receive return at once. It does not block.
func (w Waker) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Stream is a request and its answer on one connection. Its methods do not block,
// Flush aside. One goroutine uses it, until Close.
type Stream struct {
	c  *conn
	id uint32

	waker  Waker
	second Waker
	ctx    *streamContext // of a server's streams

	// The user's.
	lent    []byte // what Data has handed out
	seen    Head   // the head that was received
	trailed Head
	early   Head // an interim one
	waited  time.Duration

	// Guarded by the connection's lock.
	head      Head // received, and not asked for yet
	headReady bool
	interims  []Head
	trailers  Head
	trailer   bool // trailers have come
	in        []byte
	recvEnded bool
	sentHead  bool
	sentEnded bool
	err       error
	closed    bool  // the user is done with it
	malformed error // the request breaks a rule; it can only be reset
	tooLarge  bool

	send, recv   int64
	credit       int64
	length, got  int64 // declared and received; length -1 is nothing
	taken        int64 // of what was received, passed on
	bodyless     bool  // an answer that has no body whatever its length says
	method       string
	since        time.Time
	fresh        bool // it has news, and is to be told
	wantsRoom    bool
	starved      bool // a window keeps data back
	starvedSince time.Time
	cost         int // of the head, for the connection's bound
}

// ID is the stream's number on its connection.
func (s *Stream) ID() uint32 { return s.id }

// Context ends when the peer has given the stream up or the connection has ended, for
// streams of a server.
func (s *Stream) Context() context.Context { return s.ctx }

// Waited is how long a client took to open the stream where there was no room for it at
// once: until a connection was dialled, or another stream had ended.
func (s *Stream) Waited() time.Duration { return s.waited }

// Waker is what tells of news.
func (s *Stream) Waker() Waker { return s.waker }

// Head returns the head that was received, nil while there is none. The same is
// returned each time; the caller may edit it.
func (s *Stream) Head() *Head {
	if s.seen.Method != "" || s.seen.Status != 0 {
		return &s.seen
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.headReady {
		return nil
	}
	s.seen, s.head = s.head, s.seen
	return &s.seen
}

// Interim returns the next interim answer, nil if there is none. It is valid until the
// next call.
func (s *Stream) Interim() *Head {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if len(s.interims) == 0 {
		return nil
	}
	s.early = s.interims[0]
	s.interims = s.interims[1:]
	return &s.early
}

// Data returns what has come of the body since it was called last, which is valid
// until the next call, and whether that is its end. After the end, Trailers.
func (s *Stream) Data() (p []byte, ended bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if len(s.in) > 0 {
		s.lent, s.in = s.in, s.lent[:0]
		p = s.lent
	}
	return p, s.recvEnded
}

// Trailers returns those that came with the end of the body, nil if there are none.
func (s *Stream) Trailers() *Head {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.trailer {
		return nil
	}
	if len(s.trailers.Fields) > 0 {
		s.trailed, s.trailers = s.trailers, s.trailed
	}
	return &s.trailed
}

// Took says that n bytes that Data has returned were passed on: the peer may send as
// many more.
func (s *Stream) Took(n int) {
	if n == 0 {
		return
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveCredit(int64(n))
	s.taken += int64(n)
	s.credit += int64(n)
	if s.credit >= streamWindow/4 && !s.recvEnded && s.err == nil {
		c.fr.WriteWindowUpdate(s.id, uint32(s.credit)) //nolint:errcheck // gathering cannot fail
		s.recv += s.credit
		s.credit = 0
	}
}

// Err is why the stream has ended before its end; nil as long as it has not. What had
// come before can still be read.
func (s *Stream) Err() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.err
}

// Malformed is the rule that the request breaks, nil if there is none.
func (s *Stream) Malformed() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.malformed
}

// TooLarge reports whether the request's head is larger than what is taken: it is not
// whole.
func (s *Stream) TooLarge() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.tooLarge
}

// Answer gathers the head of an answer, an interim one or the last.
func (s *Stream) Answer(h *Head) { s.answer(h, 0) }

// AnswerOnly is Answer for an answer that ends with its head.
func (s *Stream) AnswerOnly(h *Head) { s.answer(h, http2.FlagHeadersEndStream) }

// Send gathers as much of p as the windows and the bound of what is gathered allow,
// and returns how much that is. When there is room for more it wakes the waker.
func (s *Stream) Send(p []byte) int {
	n, _ := s.sendData(p, 0)
	return n
}

// SendLast is Send of the end of the body; it reports whether that was gathered.
func (s *Stream) SendLast(p []byte) (n int, done bool) {
	return s.sendData(p, http2.FlagDataEndStream)
}

// SendTrailers gathers the end of the body with trailers.
func (s *Stream) SendTrailers(h *Head) { s.answer(h, http2.FlagHeadersEndStream) }

// Reset gives the stream up, if it has not ended, and tells the peer why.
func (s *Stream) Reset(code Code) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.reset(code)
}

// Flush sends what is gathered on the stream's connection. It blocks while the socket
// takes no more.
func (s *Stream) Flush() { s.c.flush() }

func (s *Stream) answer(h *Head, flags http2.Flags) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.err != nil || s.sentEnded {
		return
	}
	s.sentHead = s.sentHead || !h.interim()
	s.sentEnded = flags.Has(http2.FlagHeadersEndStream)
	s.c.headers(s.id, h, flags)
}

func (s *Stream) sendData(p []byte, flags http2.Flags) (n int, done bool) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err != nil || s.sentEnded {
		return len(p), true // nobody will read it
	}
	for n < len(p) || flags != 0 && !s.sentEnded {
		if c.full() {
			s.wantsRoom = true
			c.waitRoom++
			return n, false
		}
		m := min(len(p)-n, c.peer.maxFrame, maxFrame, int(min(s.send, c.send)))
		if m <= 0 && n < len(p) {
			s.starve()
			return n, false
		}
		f := http2.Flags(0)
		if n+m == len(p) {
			f = flags
		}
		c.data(s.id, p[n:n+m], f)
		n += m
		s.send -= int64(m)
		c.send -= int64(m)
		s.starved, s.sentEnded = false, f != 0
		c.calm.progress()
	}
	return n, true
}

// wakeUp tells of news, or sees to it that it is told when all that has come was read:
// whoever waits then finds the head of an answer, its body and its trailers at once.
// The lock is held.
func (s *Stream) wakeUp() {
	if !s.c.reading {
		s.wakeNow()
	} else if !s.fresh {
		s.fresh = true
		s.c.news = append(s.c.news, s)
	}
}

func (s *Stream) wakeNow() {
	s.fresh = false
	s.waker.Wake()
	if s.second != nil {
		s.second.Wake()
	}
}

func (s *Stream) starve() {
	if !s.starved {
		s.starved, s.starvedSince = true, time.Now()
	}
}

func (s *Stream) reset(code Code) {
	if s.err != nil || s.recvEnded && s.sentEnded {
		return
	}
	s.c.fr.WriteRSTStream(s.id, code) //nolint:errcheck // gathering cannot fail
	s.err = &StreamError{Code: code, cause: context.Canceled}
}

// fail ends the stream. The lock is held.
func (s *Stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	if s.ctx != nil {
		s.ctx.end()
	}
	s.wakeUp()
}
