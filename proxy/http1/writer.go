package http1

import (
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/proxy/socket"
)

// ErrBodyLength is a body that is not as long as its head said.
var ErrBodyLength = errors.New("body is not as long as its content-length")

// Writer writes messages to one side of a connection. It gathers what it is given
// and writes it in one go at Flush, or when its buffer is full, so that a small
// message is one packet and one TLS record. It is not safe for concurrent use.
// The zero value needs a Reset.
type Writer struct {
	dst   io.Writer
	plain socket.Writer  // is dst, if that is a socket
	moved *atomic.Uint32 // counts what dst has taken; nil counts nothing
	hold  holder         // below dst, if it is TLS and what is below can; else nil
	buf   []byte         // borrowed, filled up to its length; nil while idle

	framing Framing
	left    uint64 // of the length
	sent    uint64 // bytes of the message that dst has taken
	ended   bool   // End was called
}

// holder gathers the records that one write becomes, to send them at once.
type holder interface {
	Hold()
	Release() error
}

// record is how much one record of TLS holds.
const record = 16 << 10

// Reset makes the Writer write to dst, as new.
func (w *Writer) Reset(dst io.Writer) {
	*w = Writer{dst: dst}
	if w.plain.Reset(dst) {
		w.dst = &w.plain
	}
	if t, ok := dst.(interface{ NetConn() net.Conn }); ok {
		w.hold, _ = t.NetConn().(holder)
	}
}

// Count has every piece that is written added to n, until the next Reset.
func (w *Writer) Count(n *atomic.Uint32) { w.moved = n }

// Sent is how many bytes of the message have left, framing included.
func (w *Writer) Sent() uint64 { return w.sent }

// Complete reports whether the message has left to its end.
func (w *Writer) Complete() bool { return w.ended && w.buf == nil }

// Close drops what was not flushed and gives the buffer back.
func (w *Writer) Close() {
	if w.buf != nil {
		buffers.giveBack(w.buf[:cap(w.buf)])
		w.buf = nil
	}
	w.Finish()
}

// Request gathers a request head. The body follows by Data and End.
func (w *Writer) Request(q *Request) error {
	w.begin(len(q.raw) + ahead(q.Framing, q.Length))
	w.framing, w.left = q.Framing, q.Length
	if q.rewritten || q.Target != "" {
		w.buf = append(w.buf, q.Method...)
		w.buf = append(w.buf, ' ')
		w.buf = append(w.buf, cmp.Or(q.Target, q.Path)...)
		w.buf = append(w.buf, " HTTP/1.1\r\n"...)
	} else {
		w.buf = append(w.buf, q.raw[:q.first+2]...)
	}
	w.buf = append(q.appendFields(w.buf), "\r\n"...)
	return w.spill()
}

// Response gathers a response head whose body, if any, has the framing given. The
// field for it must already be in p.
func (w *Writer) Response(p *Response, f Framing) error {
	w.begin(len(p.raw) + ahead(f, p.Length))
	w.framing, w.left = f, p.Length
	w.buf = append(w.buf, "HTTP/1.1"...)
	w.buf = append(w.buf, p.raw[len("HTTP/1.1"):p.first+2]...)
	w.buf = append(p.appendFields(w.buf), "\r\n"...)
	return w.spill()
}

// Answer is a response that the mesh itself makes.
type Answer struct {
	Status     int
	Fields     []string // names and values by turns
	Body       string   // not used where the status does without
	ToHead     bool     // it answers a HEAD: the length is told, the body not sent
	CloseAfter bool
}

// Answer gathers a whole response.
func (w *Writer) Answer(a *Answer) error {
	w.begin(len(a.Body) + 512)
	w.framing = NoBody
	w.buf = append(w.buf, "HTTP/1.1 "...)
	w.buf = strconv.AppendInt(w.buf, int64(a.Status), 10)
	w.buf = append(w.buf, ' ')
	w.buf = append(w.buf, http.StatusText(a.Status)...)
	w.buf = append(w.buf, "\r\n"...)
	for i := 0; i+1 < len(a.Fields); i += 2 {
		w.buf = appendField(w.buf, a.Fields[i], a.Fields[i+1])
	}
	if bodyless(a.Status) {
		a.Body = ""
	} else {
		w.buf = append(w.buf, "content-length: "...)
		w.buf = strconv.AppendInt(w.buf, int64(len(a.Body)), 10)
		w.buf = append(w.buf, "\r\n"...)
	}
	if a.CloseAfter {
		w.buf = append(w.buf, "connection: close\r\n"...)
	}
	w.buf = append(w.buf, "\r\n"...)
	if !a.ToHead {
		w.buf = append(w.buf, a.Body...)
	}
	return w.spill()
}

// Data gathers a piece of the body.
func (w *Writer) Data(p []byte) error {
	switch w.framing {
	case Length:
		if uint64(len(p)) > w.left {
			return ErrBodyLength
		}
		w.left -= uint64(len(p))
		return w.bytes(p)
	case Chunked:
		if len(p) == 0 {
			return nil
		}
		w.begin(0)
		w.buf = strconv.AppendInt(w.buf, int64(len(p)), 16)
		w.buf = append(w.buf, "\r\n"...)
		if err := w.bytes(p); err != nil {
			return err
		}
		w.buf = append(w.buf, "\r\n"...)
		return w.spill()
	case UntilClose:
		return w.bytes(p)
	default:
		return ErrBodyLength
	}
}

// End gathers what ends the body; trailers are lines with CRLF, used only when it
// is chunked.
func (w *Writer) End(trailers []byte) error {
	w.ended = true
	switch w.framing {
	case Length:
		if w.left > 0 {
			return ErrBodyLength
		}
	case Chunked:
		w.begin(len(trailers))
		w.buf = append(w.buf, "0\r\n"...)
		w.buf = append(w.buf, trailers...)
		w.buf = append(w.buf, "\r\n"...)
	}
	return w.spill()
}

// Flush writes what was gathered and gives the buffer back.
func (w *Writer) Flush() error {
	if w.buf == nil {
		return nil
	}
	if err := w.drain(); err != nil {
		return err
	}
	buffers.giveBack(w.buf[:cap(w.buf)])
	w.buf = nil
	return nil
}

// Finish ends the message: the next one has not started.
func (w *Writer) Finish() { w.sent, w.ended = 0, false }

// ahead is how much of a body is worth having room for next to its head.
func ahead(f Framing, length uint64) int {
	if f != Length {
		return 0
	}
	return int(min(length, bulkBuffer*3/4))
}

// begin makes sure of a buffer with room for n bytes and a little framing, as far as
// one is lent; a head that is larger makes append allocate, which spill ends.
func (w *Writer) begin(n int) {
	if w.buf == nil {
		w.buf = buffers.borrow(min(n+1024, headBuffer))[:0]
	}
}

// bytes gathers p, or writes it past the buffer when it is bulk.
func (w *Writer) bytes(p []byte) error {
	w.begin(len(p))
	if len(w.buf)+len(p)+64 > cap(w.buf) && cap(w.buf) < bulkBuffer {
		next := append(buffers.borrow(bulkBuffer)[:0], w.buf...)
		buffers.giveBack(w.buf[:cap(w.buf)])
		w.buf = next
	}
	if len(w.buf)+len(p)+64 <= cap(w.buf) {
		w.buf = append(w.buf, p...)
		return nil
	}
	if n := cap(w.buf) - len(w.buf) - 64; len(w.buf) > 0 && n > 0 { // fill up what goes anyway
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
	}
	if err := w.drain(); err != nil {
		return err
	}
	if len(p) >= cap(w.buf)/2 {
		return w.write(p)
	}
	w.buf = append(w.buf, p...)
	return nil
}

// spill keeps the buffer to the size that was lent.
func (w *Writer) spill() error {
	if len(w.buf)+64 <= cap(w.buf) && cap(w.buf) <= headBuffer {
		return nil
	}
	return w.drain()
}

// drain writes what was gathered and keeps the buffer.
func (w *Writer) drain() error {
	err := w.write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *Writer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if w.moved != nil {
		defer w.moved.Add(1)
	}
	if w.hold == nil || len(p) <= record {
		n, err := w.dst.Write(p)
		w.sent += uint64(n)
		return err
	}
	w.hold.Hold()
	n, err := w.dst.Write(p)
	w.sent += uint64(n)
	return errors.Join(err, w.hold.Release())
}

// Copy hands the body of the message that r reads to w until its end, which it
// does not gather: End is the caller's, once it is known that all went well.
// Nothing waits in w while r has to wait. It tells which side went wrong; n is
// the bytes of the body.
func Copy(w *Writer, r *Reader) (n uint64, readErr, writeErr error) {
	r.FlushBefore(w)
	defer r.FlushBefore(nil)
	for {
		p, err := r.Next()
		switch {
		case r.flushErr != nil:
			return n, nil, r.flushErr
		case err == io.EOF: //nolint:errorlint // Next returns it bare
			return n, nil, nil
		case err != nil:
			return n, err, nil
		}
		if err := w.Data(p); err != nil {
			return n, nil, err
		}
		n += uint64(len(p))
	}
}
