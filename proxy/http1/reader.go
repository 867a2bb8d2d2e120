package http1

import (
	"bytes"
	"io"
	"syscall"
)

// Reader reads messages from one side of a connection, one after the other: a
// head, then its body by Next, then Finish. It is not safe for concurrent use.
// The zero value needs a Reset.
type Reader struct {
	src io.Reader

	// Borrowed while a message is in flight. Unread bytes are buf[r:w]. What lies
	// below base is a head in use; when the body outgrew that buffer, pinned is it.
	buf, pinned []byte
	base, r, w  int

	body body

	raw   syscall.RawConn // nil when src cannot be waited for without reading
	poll  func(fd uintptr) bool
	pollN int
	err   error // of poll
	one   [1]byte
}

// Reset makes the Reader read from src, as new. Buffers are kept by nobody: call
// Close first when a message was in flight.
func (r *Reader) Reset(src io.Reader) {
	*r = Reader{src: src}
	if c, ok := src.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			r.raw, r.poll = raw, r.readReady
		}
	}
}

// Await blocks until there is a byte to read, without holding a buffer. It returns
// io.EOF when the peer has closed between messages.
func (r *Reader) Await() error {
	if r.r < r.w {
		return nil
	}
	if r.raw == nil {
		return r.awaitByte()
	}
	r.pollN, r.err = 0, nil
	if err := r.raw.Read(r.poll); err != nil {
		return err
	}
	if r.err == nil && r.pollN == 0 {
		return io.EOF
	}
	return r.err
}

// Buffered returns the bytes that have been read but not used, without using them.
func (r *Reader) Buffered() []byte { return r.buf[r.r:r.w] }

// ReadRequest reads a request head into q and gets ready to read its body. An
// *Error is the client's fault; io.EOF is a close before any byte.
func (r *Reader) ReadRequest(q *Request) error {
	q.Method, q.Path, q.Target, q.Authority, q.KeepAlive = "", "", "", "", false
	if err := r.readHead(&q.Head, ""); err != nil {
		return err
	}
	if err := q.parse(); err != nil {
		return err
	}
	r.body = body{framing: q.Framing, left: q.Length}
	return nil
}

// ReadResponse reads a response head to a request of the method into p and gets
// ready to read its body. An *Error is the server's fault.
func (r *Reader) ReadResponse(p *Response, method string) error {
	if err := r.readHead(&p.Head, "HTTP/"); err != nil {
		return err
	}
	if err := p.parse(method); err != nil {
		return err
	}
	r.body = body{framing: p.Framing, left: p.Length}
	return nil
}

// Finish ends the use of the message last read: its head and body are no longer
// valid. Buffers go back unless bytes of the next message are in them.
func (r *Reader) Finish() {
	buffers.giveBack(r.pinned)
	r.pinned, r.base = nil, 0
	if r.r == r.w {
		buffers.giveBack(r.buf)
		r.buf, r.r, r.w = nil, 0, 0
	}
}

// Close gives all buffers back; what was read ahead is lost.
func (r *Reader) Close() {
	r.r = r.w
	r.Finish()
}

// readReady reads into a buffer borrowed for the occasion, and gives it back if
// there is nothing yet. It costs no more system calls than a plain Read.
func (r *Reader) readReady(fd uintptr) bool {
	buf := buffers.borrow(smallBuffer)
	for {
		n, err := syscall.Read(int(fd), buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			buffers.giveBack(buf)
			return false
		case err != nil || n <= 0:
			buffers.giveBack(buf)
			r.err = err
			return true
		}
		r.pollN, r.buf, r.r, r.w, r.base = n, buf, 0, n, 0
		return true
	}
}

// awaitByte waits for the first byte in the Reader itself. For TLS the rest of the
// record is then already there.
func (r *Reader) awaitByte() error {
	n, err := io.ReadFull(r.src, r.one[:])
	if n == 0 {
		return err
	}
	r.buf = buffers.borrow(smallBuffer)
	r.buf[0], r.r, r.w, r.base = r.one[0], 0, 1, 0
	return nil
}

// readHead indexes lines as they come, so that a bad one is refused at once and
// not when the head is complete. The first one must begin with the prefix: what
// speaks another protocol may never send an empty line.
func (r *Reader) readHead(h *Head, prefix string) error {
	h.reset()
	start, scan := 0, 0 // of the line and of what was not searched yet, from r.r
	for {
		i := bytes.IndexByte(r.buf[r.r+scan:r.w], '\n')
		if i < 0 {
			scan = r.w - r.r
			if err := r.moreHead(); err != nil {
				return err
			}
			continue
		}
		end := scan + i + 1
		raw := r.buf[r.r : r.r+end]
		if !endsInCRLF(raw[start:]) {
			return badRequest("line does not end in CRLF")
		}
		switch {
		case end-start > 2 && h.first == 0:
			if err := h.begin(raw, prefix); err != nil {
				return err
			}
		case end-start > 2:
			if err := h.addLine(raw, start, end); err != nil {
				return err
			}
		case h.first == 0: // an empty line before the first one is skipped
			r.r += end
			start, scan = 0, 0
			continue
		default:
			h.raw = raw
			r.r += end
			r.base = r.r
			return nil
		}
		start, scan = end, end
	}
}

// moreHead reads on within a head.
func (r *Reader) moreHead() error {
	partial := r.w > r.r
	if r.w-r.r >= maxHead {
		return tooLarge("header is larger than %d bytes", maxHead)
	}
	err := r.fill()
	if err == io.EOF && partial { //nolint:errorlint // fill returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill reads at least one more byte after w.
func (r *Reader) fill() error {
	r.makeRoom()
	for range 100 {
		n, err := r.src.Read(r.buf[r.w:])
		if n > 0 {
			r.w += n
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom leaves space after w: by starting over when all is used, by moving what
// is unread down, or by a larger buffer. It never touches a head in use.
func (r *Reader) makeRoom() {
	full := r.w == len(r.buf)
	if r.r == r.w {
		r.r, r.w = r.base, r.base
	}
	switch {
	case r.buf == nil:
		r.buf = buffers.borrow(smallBuffer)
	case !full:
	case r.r == r.w && len(r.buf)-r.base >= bulkBuffer/2: // bulk, and room for it
	case r.r > r.base && r.w-r.r < (len(r.buf)-r.base)/2:
		r.w = r.base + copy(r.buf[r.base:], r.buf[r.r:r.w])
		r.r = r.base
	default:
		r.grow()
	}
}

// grow goes on in the next larger buffer and keeps the old one if a head is in it.
func (r *Reader) grow() {
	next := buffers.borrow(max(bulkBuffer, min(headBuffer, 2*(r.w-r.r))))
	n := copy(next, r.buf[r.r:r.w])
	if r.base > 0 {
		r.pinned = r.buf
	} else {
		buffers.giveBack(r.buf)
	}
	r.buf, r.base, r.r, r.w = next, 0, 0, n
}
