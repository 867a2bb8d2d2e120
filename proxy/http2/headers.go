package http2

import "golang.org/x/net/http2"

// plainHeaders are the flags of a HEADERS frame that holds a whole block and nothing else.
const plainHeaders = http2.FlagHeadersEndHeaders | http2.FlagHeadersEndStream

// readWhole takes a HEADERS frame of the usual kind that is in memory, without the
// Framer, which would allocate. It reports whether the frame was one.
func (c *conn) readWhole(fh http2.FrameHeader) (taken bool, err error) {
	if fh.Flags&^plainHeaders != 0 || !fh.Flags.Has(http2.FlagHeadersEndHeaders) || fh.StreamID == 0 {
		return false, nil
	}
	p, ok := c.src.whole(int(fh.Length))
	if !ok {
		return false, nil
	}
	k := c.kindOf(fh.StreamID)
	c.block.begin(k)
	if err := c.block.fragment(p); err != nil {
		return true, err
	}
	if err := c.block.end(); err != nil {
		return true, err
	}
	return true, c.takeBlock(fh.StreamID, fh.Flags, k)
}

// readHeaders takes a header block, whatever it is for.
func (c *conn) readHeaders(f *http2.HeadersFrame) error {
	id, flags := f.StreamID, f.Flags
	self := f.HasPriority() && f.Priority.StreamDep == id
	k := c.kindOf(id)
	if err := c.readBlock(f, k); err != nil {
		return err
	}
	if self {
		return &violation{id, http2.ErrCodeProtocol, "stream depends on itself"}
	}
	return c.takeBlock(id, flags, k)
}

// takeBlock takes the block that was read for what it is.
func (c *conn) takeBlock(id uint32, flags http2.Flags, k kind) error {
	switch k {
	case requestHead:
		return c.role.opened(id, flags)
	case unwanted:
		return c.headersForNobody(id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calm.progress()
	s := c.streams[id]
	if s == nil { // closed while the block came
		return c.calm.chat()
	}
	switch {
	case s.err != nil:
		return s.afterReset()
	case s.recvEnded && s.sentEnded: // and not put away yet
		return errClosedStream
	case s.recvEnded:
		return &violation{id, http2.ErrCodeStreamClosed, "HEADERS after the end of the stream"}
	}
	if c.block.bad != nil || c.block.tooLarge {
		return &violation{id, http2.ErrCodeProtocol, c.block.fault()}
	}
	if k == trailers {
		return s.takeTrailers(flags)
	}
	return s.takeHead(flags)
}

func (b *block) fault() string {
	if b.bad != nil {
		return b.bad.Error()
	}
	return "header list is larger than 64 KiB"
}

// kindOf is what a header block on the stream must be.
func (c *conn) kindOf(id uint32) kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[id]
	switch {
	case s == nil && c.server && id > c.newest:
		return requestHead
	case s == nil:
		return unwanted
	case c.server || s.headReady || s.seen.Status != 0:
		return trailers
	}
	return responseHead
}

var errClosedStream = connErrorf(http2.ErrCodeStreamClosed, "HEADERS on a stream that is closed")

// headersForNobody is about a stream that is not there, and cannot be opened.
func (c *conn) headersForNobody(id uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ours := c.gone.find(id)
	switch {
	case c.idle(id):
		return connErrorf(http2.ErrCodeProtocol, "HEADERS on a stream that is idle")
	case ours:
		return c.calm.chat()
	case known:
		return errClosedStream
	case c.server:
		return connErrorf(http2.ErrCodeProtocol, "HEADERS on a stream lower than the newest")
	}
	return c.calm.chat()
}

// takeTrailers takes the block as what ends the body. The lock is held.
func (s *Stream) takeTrailers(flags http2.Flags) error {
	if !flags.Has(http2.FlagHeadersEndStream) {
		return &violation{s.id, http2.ErrCodeProtocol, "a second head that does not end the stream"}
	}
	s.trailers, s.c.block.head = s.c.block.head, s.trailers
	s.trailer = true
	return s.endReceiving()
}

// takeHead takes the block as the head of the answer. The lock is held.
func (s *Stream) takeHead(flags http2.Flags) error {
	ended := flags.Has(http2.FlagHeadersEndStream)
	b := &s.c.block
	if b.head.interim() {
		if ended {
			return &violation{s.id, http2.ErrCodeProtocol, "an interim answer that ends the stream"}
		}
		if len(s.interims) == maxInterims {
			return &violation{s.id, http2.ErrCodeEnhanceYourCalm, "too many interim answers"}
		}
		var h Head
		h.CopyFrom(&b.head)
		s.interims = append(s.interims, h)
		s.wakeUp()
		return nil
	}
	s.head, b.head = b.head, s.head
	s.headReady = true
	s.length = s.head.Length
	s.bodyless = s.method == "HEAD" || s.head.Status == 204 || s.head.Status == 304
	if ended {
		return s.endReceiving()
	}
	s.wakeUp()
	return nil
}
