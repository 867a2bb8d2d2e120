package http1

import (
	"bytes"
	"errors"
	"io"
)

// The limits inside a chunked body.
const (
	maxChunkLine = 1 << 10 // size and extensions, which are dropped
	maxTrailers  = 8 << 10
)

// ErrBodyCut is a body that ends before its framing says so.
var ErrBodyCut = errors.New("connection closed in the middle of a body")

// body is where the Reader stands in the body of the message last read.
type body struct {
	framing  Framing
	left     uint64 // of the length, or of the current chunk
	inChunk  bool   // data of a chunk is being read, its CRLF included
	done     bool   // chunked: trailers were read
	trailers []byte // lines, without the empty one
	bad      error  // of chunks: there is no reading on
}

// Done reports whether the whole body has been handed out.
func (r *Reader) Done() bool {
	switch r.body.framing {
	case NoBody:
		return true
	case Length:
		return r.body.left == 0
	default:
		return r.body.done
	}
}

// Left is how many bytes of a body with a known length are still to come.
func (r *Reader) Left() uint64 { return r.body.left }

// Ready reports whether Next would return without reading from the connection.
func (r *Reader) Ready() bool {
	if r.body.framing == Chunked && !r.body.done {
		return r.chunkReady()
	}
	return r.r < r.w || r.Done()
}

// chunkReady looks ahead for data, a size with data, or a complete end.
func (r *Reader) chunkReady() bool {
	p := r.buf[r.r:r.w]
	if r.body.inChunk && r.body.left > 0 {
		return len(p) > 0
	}
	if r.body.inChunk {
		p = p[min(2, len(p)):]
	}
	if len(p) > 0 && p[0] == '0' {
		return bytes.Contains(p, []byte("\r\n\r\n"))
	}
	i := bytes.IndexByte(p, '\n')
	return i >= 0 && i+1 < len(p)
}

// Trailers are the lines after the last chunk, checked, each with its CRLF; empty
// before Done. They are valid until Finish.
func (r *Reader) Trailers() []byte { return r.body.trailers }

// Next returns the next piece of the body, without its framing; it blocks until
// there is some. The piece is valid until the next call. At the end it returns
// io.EOF, for a body that was cut short ErrBodyCut, for bad chunks an *Error, again
// and again: reading on behind them would make another message of the rest.
func (r *Reader) Next() ([]byte, error) {
	switch r.body.framing {
	case Length:
		return r.nextOfLength()
	case Chunked:
		return r.nextOfChunks()
	case UntilClose:
		return r.nextUntilClose()
	default:
		return nil, io.EOF
	}
}

func (r *Reader) nextOfLength() ([]byte, error) {
	if r.body.left == 0 {
		return nil, io.EOF
	}
	if r.r == r.w {
		if err := r.fillBody(); err != nil {
			return nil, err
		}
	}
	return r.take(r.body.left), nil
}

func (r *Reader) nextUntilClose() ([]byte, error) {
	if r.body.done {
		return nil, io.EOF
	}
	if r.r == r.w {
		err := r.fill()
		if err == io.EOF { //nolint:errorlint // fill returns it bare
			r.body.done = true
		}
		if err != nil {
			return nil, err
		}
	}
	p := r.buf[r.r:r.w]
	r.r = r.w
	return p, nil
}

// take hands out up to limit unread bytes and counts them off.
func (r *Reader) take(limit uint64) []byte {
	n := min(uint64(r.w-r.r), limit)
	p := r.buf[r.r : r.r+int(n)]
	r.r += int(n)
	r.body.left -= n
	return p
}

// fillBody is fill, where the end of the connection cuts the body short.
func (r *Reader) fillBody() error {
	err := r.fill()
	if err == io.EOF { //nolint:errorlint // fill returns it bare
		return ErrBodyCut
	}
	return err
}

func (r *Reader) nextOfChunks() ([]byte, error) {
	b := &r.body
	if b.done {
		return nil, io.EOF
	}
	if b.bad != nil {
		return nil, b.bad
	}
	p, err := r.nextOfChunk()
	if _, bad := err.(*Error); bad { //nolint:errorlint // it comes as it was made
		b.bad = err
	}
	return p, err
}

func (r *Reader) nextOfChunk() ([]byte, error) {
	b := &r.body
	if b.inChunk && b.left == 0 {
		if err := r.endChunk(); err != nil {
			return nil, err
		}
	}
	if !b.inChunk {
		size, err := r.chunkSize()
		if err != nil {
			return nil, err
		}
		if size == 0 {
			return nil, r.lastChunk()
		}
		b.left, b.inChunk = size, true
	}
	if r.r == r.w {
		if err := r.fillBody(); err != nil {
			return nil, err
		}
	}
	return r.take(b.left), nil
}

// endChunk reads the CRLF after the data of a chunk.
func (r *Reader) endChunk() error {
	for r.w-r.r < 2 {
		if err := r.fillBody(); err != nil {
			return err
		}
	}
	if r.buf[r.r] != '\r' || r.buf[r.r+1] != '\n' {
		return badRequest("chunk data is longer than its size")
	}
	r.r += 2
	r.body.inChunk = false
	return nil
}

// chunkSize reads a line of a size and maybe extensions, which are checked for
// control bytes and dropped.
func (r *Reader) chunkSize() (uint64, error) {
	line, err := r.line(maxChunkLine)
	if err != nil {
		return 0, err
	}
	digits, ext := line, []byte(nil)
	if i := bytes.IndexAny(line, "; \t"); i >= 0 {
		digits, ext = line[:i], bytes.TrimLeft(line[i:], " \t")
		if len(ext) == 0 || ext[0] != ';' || !allOf(ext, valueByte) {
			return 0, badRequest("chunk size line %q", clip(line))
		}
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, badRequest("chunk size line %q", clip(line))
	}
	var n uint64
	for _, c := range digits {
		d, ok := hexDigit(c)
		if !ok {
			return 0, badRequest("chunk size line %q", clip(line))
		}
		n = n<<4 | uint64(d)
	}
	return n, nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// line reads a line that ends in CRLF and returns it without.
func (r *Reader) line(limit int) ([]byte, error) {
	for scan := 0; ; {
		i := bytes.IndexByte(r.buf[r.r+scan:r.w], '\n')
		if i >= 0 && scan+i <= limit {
			end := r.r + scan + i
			if end == r.r || r.buf[end-1] != '\r' {
				return nil, badRequest("line does not end in CRLF")
			}
			line := r.buf[r.r : end-1]
			r.r = end + 1
			return line, nil
		}
		scan = r.w - r.r
		if i >= 0 || scan > limit {
			return nil, badRequest("chunk size line is longer than %d bytes", limit)
		}
		if err := r.fillBody(); err != nil {
			return nil, err
		}
	}
}

// endsInCRLF reports whether a line, which ends in LF, has CR before it.
func endsInCRLF(line []byte) bool { return len(line) > 1 && line[len(line)-2] == '\r' }

// lastChunk reads the trailers and returns io.EOF. They stay in the buffer, below
// what is unread.
func (r *Reader) lastChunk() error {
	var h Head
	start := 0 // of the line, from r.r
	for scan := 0; ; {
		i := bytes.IndexByte(r.buf[r.r+scan:r.w], '\n')
		if i >= 0 && scan+i > maxTrailers || i < 0 && r.w-r.r > maxTrailers {
			return tooLarge("trailers are larger than %d bytes", maxTrailers)
		}
		if i < 0 {
			scan = r.w - r.r
			if err := r.fillBody(); err != nil {
				return err
			}
			continue
		}
		end := scan + i + 1
		raw := r.buf[r.r : r.r+end]
		if !endsInCRLF(raw[start:]) {
			return badRequest("line does not end in CRLF")
		}
		if end-start == 2 {
			r.body.trailers, r.body.done = raw[:start], true
			r.r += end
			r.base = r.r // they stay valid until Finish
			return io.EOF
		}
		if err := h.addTrailer(raw, start, end); err != nil {
			return err
		}
		start, scan = end, end
	}
}

// addTrailer indexes a trailer line. Fields that frame or route a message must not
// come after it (RFC 9110, 6.5.1).
func (h *Head) addTrailer(raw []byte, start, end int) error {
	if len(h.fields) == maxFields {
		return tooLarge("more than %d trailers", maxFields)
	}
	if err := h.addLine(raw, start, end); err != nil {
		return err
	}
	switch k := h.fields[len(h.fields)-1].known; k {
	case ContentLength, TransferEncoding, Host, Connection, TE, Trailer, Upgrade, Expect:
		return badRequest("%s in the trailers", k)
	}
	return nil
}
