package http2

import (
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// read handles frames until one of them, or the connection, ends it.
func (c *conn) read() error {
	for first := true; ; first = false {
		fh, err := c.fr.ReadFrameHeader()
		if err != nil {
			return c.readError(err)
		}
		if first && (fh.Type != http2.FrameSettings || fh.Flags.Has(http2.FlagSettingsAck)) {
			return connErrorf(http2.ErrCodeProtocol, "%v before SETTINGS", fh.Type)
		}
		if c.clock {
			c.lastRead.Store(time.Now().UnixNano())
		}
		if err := c.handle(fh); err != nil {
			v, ok := errors.AsType[*violation](err)
			if !ok {
				return c.readError(err)
			}
			if err := c.violated(v); err != nil {
				return err
			}
		}
	}
}

// readError makes an error of the Framer one that says what to tell the peer.
func (c *conn) readError(err error) error {
	if code, ok := errors.AsType[http2.ConnectionError](err); ok {
		if detail := c.fr.ErrorDetail(); detail != nil {
			return &connError{Code(code), detail.Error()}
		}
		return &connError{Code(code), "malformed frame"}
	}
	if errors.Is(err, http2.ErrFrameTooLarge) {
		return &connError{http2.ErrCodeFrameSize, "frame is larger than 16 KiB"}
	}
	return err
}

// violated resets a stream that broke a rule.
func (c *conn) violated(v *violation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.calm.reset(); err != nil {
		return err
	}
	c.fr.WriteRSTStream(v.id, v.code) //nolint:errcheck // gathering cannot fail
	if s := c.streams[v.id]; s != nil {
		s.fail(&StreamError{Code: v.code, cause: v})
	} else {
		c.gone.add(v.id, true)
	}
	c.wakeFlusher()
	return nil
}

// handle takes one frame whose header was read.
func (c *conn) handle(fh http2.FrameHeader) error {
	if taken, err := c.handleRaw(fh); taken || err != nil {
		return err
	}
	f, err := c.fr.ReadFrameForHeader(fh)
	if err != nil {
		return frameError(fh, err)
	}
	switch f := f.(type) {
	case *http2.HeadersFrame:
		return c.readHeaders(f)
	case *http2.SettingsFrame:
		return c.readSettings(f)
	case *http2.WindowUpdateFrame:
		return c.readWindow(f)
	case *http2.RSTStreamFrame:
		return c.readReset(f)
	case *http2.PingFrame:
		return c.readPing(f)
	case *http2.GoAwayFrame:
		return c.readGoAway(f)
	case *http2.PushPromiseFrame:
		return connErrorf(http2.ErrCodeProtocol, "PUSH_PROMISE, which was not allowed")
	case *http2.PriorityFrame:
		return c.readPriority(f)
	}
	return c.chat() // what is not known
}

func (c *conn) readPriority(f *http2.PriorityFrame) error {
	if f.StreamDep == f.StreamID {
		return &violation{f.StreamID, http2.ErrCodeProtocol, "stream depends on itself"}
	}
	return c.chat()
}

func (c *conn) readGoAway(f *http2.GoAwayFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.role.goAway(f.LastStreamID, f.ErrCode, string(f.DebugData()))
	return c.calm.chat()
}

// handleRaw takes a frame without the Framer, if that can be.
func (c *conn) handleRaw(fh http2.FrameHeader) (taken bool, err error) {
	switch fh.Type {
	case http2.FrameData:
		return true, c.readData(fh)
	case http2.FrameHeaders:
		return c.readWhole(fh)
	}
	return false, nil
}

func (c *conn) chat() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calm.chat()
}

// frameError is what an error of a frame's payload means. A header block that was not
// decoded leaves the tables behind: that cannot stay the stream's matter.
func frameError(fh http2.FrameHeader, err error) error {
	se, ok := errors.AsType[http2.StreamError](err)
	switch {
	case ok && (fh.Type == http2.FrameHeaders || fh.Type == http2.FrameContinuation):
		return connErrorf(se.Code, "malformed %v", fh.Type)
	case ok:
		return &violation{se.StreamID, se.Code, "malformed " + fh.Type.String()}
	case errors.Is(err, io.ErrUnexpectedEOF) && fh.Type == http2.FrameHeaders:
		return connErrorf(http2.ErrCodeProtocol, "HEADERS too short for its flags")
	}
	return err
}

// readData takes a DATA frame into its stream, piece by piece as it comes.
func (c *conn) readData(fh http2.FrameHeader) error {
	if fh.StreamID == 0 {
		return connErrorf(http2.ErrCodeProtocol, "DATA on stream 0")
	}
	left, padding := int(fh.Length), 0
	if fh.Flags.Has(http2.FlagDataPadded) {
		p, err := c.padLength(left)
		if err != nil {
			return err
		}
		left, padding = left-1-p, p
		if left < 0 {
			return connErrorf(http2.ErrCodeProtocol, "DATA with more padding than payload")
		}
	}
	s, fault := c.admit(fh, left)
	if _, fatal := errors.AsType[*connError](fault); fatal {
		return fault
	}
	if err := c.payload(fh.StreamID, s, left, padding); err != nil {
		return unexpected(err)
	}
	if s != nil && fh.Flags.Has(http2.FlagDataEndStream) {
		return c.endData(s, fh.StreamID)
	}
	return fault
}

// payload reads n bytes for the stream, if there is one to take them, and padding.
func (c *conn) payload(id uint32, s *Stream, n, padding int) error {
	for n+padding > 0 {
		limit := n
		if n == 0 {
			limit = padding
		}
		p, err := c.src.next(limit)
		if err != nil {
			return err
		}
		switch {
		case n == 0:
			padding -= len(p)
		case s != nil:
			c.take(s, id, p)
			fallthrough
		default:
			n -= len(p)
		}
	}
	return nil
}

func (c *conn) padLength(left int) (int, error) {
	if left == 0 {
		return 0, connErrorf(http2.ErrCodeFrameSize, "padded DATA without its length")
	}
	p, err := c.src.next(1)
	if err != nil {
		return 0, unexpected(err)
	}
	return int(p[0]), nil
}

func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // source returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

// admit settles what a DATA frame costs and whose it is: a stream that takes its
// payload of n bytes, or none.
func (c *conn) admit(fh http2.FrameHeader, n int) (*Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := int64(fh.Length)
	if c.recv -= size; c.recv < 0 {
		return nil, connErrorf(http2.ErrCodeFlowControl, "more data than the connection's window")
	}
	if size == 0 && !fh.Flags.Has(http2.FlagDataEndStream) || n == 0 && size > 0 {
		if err := c.calm.chat(); err != nil {
			return nil, err
		}
	} else {
		c.calm.progress()
	}
	s := c.streams[fh.StreamID]
	if s == nil {
		c.giveCredit(size)
		return nil, c.dataForNobody(fh.StreamID)
	}
	if s.recv -= size; s.recv < 0 {
		c.giveCredit(size)
		return nil, &violation{s.id, http2.ErrCodeFlowControl, "more data than the stream's window"}
	}
	fault := s.admits(int64(n))
	if s.err != nil || fault != nil {
		c.giveCredit(size)
		return nil, fault
	}
	if padding := size - int64(n); padding > 0 {
		c.giveCredit(padding)
		s.credit += padding
	}
	return s, nil
}

// admits checks a payload against what the stream has said of itself.
func (s *Stream) admits(n int64) error {
	switch {
	case s.err != nil:
		return s.afterReset()
	case s.recvEnded:
		return &violation{s.id, http2.ErrCodeStreamClosed, "DATA after the end of the stream"}
	case !s.c.server && !s.headReady && s.seen.Status == 0:
		return &violation{s.id, http2.ErrCodeProtocol, "DATA before a head"}
	}
	if s.length >= 0 && s.got+n > s.length && !s.bodyless || s.bodyless && n > 0 {
		return &violation{s.id, http2.ErrCodeProtocol, "more data than content-length"}
	}
	s.got += n
	return nil
}

// afterReset is about a frame on a stream that was reset: it may have crossed this
// side's reset, but not its own.
func (s *Stream) afterReset() error {
	if e, ok := s.err.(*StreamError); ok && e.Remote && !e.Lost { //nolint:errorlint // it is never wrapped
		return &violation{s.id, http2.ErrCodeStreamClosed, "frame after RST_STREAM"}
	}
	return s.c.calm.chat()
}

// dataForNobody is about a stream that is not there. The lock is held.
func (c *conn) dataForNobody(id uint32) error {
	known, ours := c.gone.find(id)
	switch {
	case c.idle(id):
		return connErrorf(http2.ErrCodeProtocol, "DATA on a stream that is idle")
	case !known || ours: // it may have crossed our reset
		return c.calm.chat()
	}
	return &violation{id, http2.ErrCodeStreamClosed, "DATA on a stream that is closed"}
}

// idle reports whether the stream was never opened. The lock is held.
func (c *conn) idle(id uint32) bool { return id > c.newest || id%2 == 0 }

// take holds a piece of the body for the user.
func (c *conn) take(s *Stream, id uint32, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.id != id || s.closed { // meanwhile
		return
	}
	s.in = buffers.appendTo(s.in, p)
	s.wakeUp()
}

func (c *conn) endData(s *Stream, id uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.id != id {
		return nil
	}
	return s.endReceiving()
}

// endReceiving notes that the peer has sent all. The lock is held.
func (s *Stream) endReceiving() error {
	gone := s.closed || s.err != nil
	if gone {
		return nil
	}
	if s.length >= 0 && s.got != s.length && !s.bodyless {
		return &violation{s.id, http2.ErrCodeProtocol, "less data than content-length"}
	}
	s.recvEnded = true
	s.wakeUp()
	return nil
}
