package http1

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// Reader reads messages from one side of a connection, one after the other: a
// head, then its body by Next, then Finish. It is not safe for concurrent use.
// The zero value needs a Reset.
type Reader struct {
	src   io.Reader
	moved *atomic.Uint32 // counts what was read; nil counts nothing

	// Borrowed while a message is in flight. Unread bytes are buf[r:w]. What lies
	// below base is a head in use; when the body outgrew that buffer, pinned is it.
	buf, pinned []byte
	base, r, w  int

	body body

	flush    *Writer // what has to leave before a read waits; nil is nothing
	flushErr error   // it could not
	told     bool    // src calls beforeWait itself

	raw      syscall.RawConn // nil when src cannot be waited for without reading
	poll     func(fd uintptr) bool
	await    bool // poll waits for a message, without a buffer
	hastened bool // the message has been waited for in its midst
	pollN    int
	err      error // of poll
	one      [1]byte
	added    bool  // heads may be larger by what a sidecar adds
	large    uint8 // above 0 when one of the last messages was larger than a small buffer
}

// remembered is for how many messages a large one makes the next buffers large.
const remembered = 16

// Reset makes the Reader read from src, as new. Buffers are kept by nobody: call
// Close first when a message was in flight.
func (r *Reader) Reset(src io.Reader) {
	*r = Reader{src: src}
	switch c := src.(type) {
	case syscall.Conn:
		if raw, err := c.SyscallConn(); err == nil {
			r.raw, r.poll, r.told = raw, r.readReady, true
		}
	case interface{ NetConn() net.Conn }: // TLS
		if below, ok := c.NetConn().(interface{ OnWait(f func() error) bool }); ok {
			r.told = below.OnWait(r.beforeWait)
		}
	}
}

// FromSidecar says that heads come from a sidecar, which may have added to them.
func (r *Reader) FromSidecar() { r.added = true }

// Await blocks until there is a byte to read, without holding a buffer. It returns
// io.EOF when the peer has closed between messages.
func (r *Reader) Await() error {
	if r.r < r.w {
		return nil
	}
	if r.raw == nil {
		return r.awaitByte()
	}
	r.await = true
	_, err := r.read()
	r.await = false
	return err
}

// Buffered returns the bytes that have been read but not used, without using them.
func (r *Reader) Buffered() []byte { return r.buf[r.r:r.w] }

// Count has every piece that is read added to n, until the next Reset.
func (r *Reader) Count(n *atomic.Uint32) { r.moved = n }

// ReadRequest reads a request head into q and gets ready to read its body. An
// *Error is the client's fault; io.EOF is a close before any byte.
func (r *Reader) ReadRequest(q *Request) error {
	q.Method, q.Path, q.Target, q.Authority, q.KeepAlive = "", "", "", "", false
	if err := r.readHead(&q.Head, q); err != nil {
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
	if err := r.readHead(&p.Head, p); err != nil {
		return err
	}
	if err := p.parse(method); err != nil {
		return err
	}
	r.body = body{framing: p.Framing, left: p.Length}
	return nil
}

// FlushBefore makes the Reader flush w, which the same goroutine writes to, whenever
// reading on would have to wait, so that what was read is passed on in as few pieces
// as it came and yet is never kept. Nil ends that. A flush that fails ends the read;
// see FlushError.
func (r *Reader) FlushBefore(w *Writer) { r.flush, r.flushErr = w, nil }

// FlushError is why the flush of FlushBefore failed.
func (r *Reader) FlushError() error { return r.flushErr }

// Finish ends the use of the message last read: its head and body are no longer
// valid. Buffers go back unless bytes of the next message are in them.
func (r *Reader) Finish() {
	r.hastened = false
	switch {
	case r.pinned != nil || r.w > smallBuffer:
		r.large = remembered
	case r.large > 0:
		r.large--
	}
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

// starts takes the first line of a head, CRLF included. It is a *Request's or
// *Response's.
type starts interface {
	begin(line []byte) error
	emptyBefore() int // how many empty lines may come before it
}

// readHead indexes lines as they come, so that a bad one is refused at once and
// not when the head is complete: what speaks another protocol may never send an
// empty line.
func (r *Reader) readHead(h *Head, first starts) error {
	h.reset()
	start, scan, empty := 0, 0, 0 // of the line, and of what was not searched yet, from r.r
	for {
		i := bytes.IndexByte(r.buf[r.r+scan:r.w], '\n')
		if i < 0 {
			scan = r.w - r.r
			if err := r.moreHead(h); err != nil {
				return err
			}
			continue
		}
		end := scan + i + 1
		raw := r.buf[r.r : r.r+end]
		switch {
		case !endsInCRLF(raw[start:]):
			return badRequest("line does not end in CRLF")
		case end > r.maxHead():
			return h.tooLarge()
		case end-start > 2:
			if err := r.takeLine(h, first, raw, start); err != nil {
				return err
			}
		case h.first > 0:
			h.raw = raw
			r.r += end
			r.base = r.r
			return nil
		default:
			if empty++; empty > first.emptyBefore() {
				return badRequest("empty line before a message")
			}
			r.r += end
			start, scan = 0, 0
			continue
		}
		start, scan = end, end
	}
}

// takeLine takes the line from start to the end of raw.
func (r *Reader) takeLine(h *Head, first starts, raw []byte, start int) error {
	switch {
	case h.first == 0:
		h.first = len(raw) - start - 2
		return first.begin(raw)
	case len(h.fields) == maxFields && !r.added || len(h.fields) == maxFields+fieldAdded:
		return tooLarge("more than %d header fields", maxFields)
	}
	return h.addLine(raw, start, len(raw))
}

// maxHead is how large a head may be.
func (r *Reader) maxHead() int {
	if r.added {
		return maxHead + headAdded
	}
	return maxHead
}

// moreHead reads on within a head.
func (r *Reader) moreHead(h *Head) error {
	partial := r.w > r.r
	if r.w-r.r >= r.maxHead() {
		return h.tooLarge()
	}
	err := r.fill()
	if err == io.EOF && partial { //nolint:errorlint // fill returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}
