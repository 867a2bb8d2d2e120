package http2

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// gather is where the Framer writes: it never fails. The lock is held.
type gather conn

// Write implements io.Writer.
func (g *gather) Write(p []byte) (int, error) {
	if g.err == nil { // else nobody will send it
		g.out = buffers.appendTo(g.out, p)
	}
	return len(p), nil
}

// flush writes what is gathered, unless somebody does already: then he goes on with
// what has been added. It blocks for as long as the socket takes no more.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing || len(c.out) == 0 {
		return
	}
	c.writing, c.writingSince = true, time.Now()
	if len(c.streams) > 1 {
		// Others that have something to send are likely to be ready to run: all of it
		// leaves in one write.
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	for len(c.out) > 0 && c.err == nil {
		p := c.out
		c.out, c.spare = c.spare[:0], nil
		c.writingSince = time.Now()
		c.mu.Unlock()
		_, err := c.nc.Write(p)
		c.mu.Lock()
		if cap(p) <= bulkBuffer && c.spare == nil {
			c.spare = p[:0]
		} else {
			buffers.giveBack(p)
		}
		if err != nil {
			c.fail(err)
			c.nc.Close()
		}
		c.room()
	}
	c.writing = false
	if c.quiet != nil {
		close(c.quiet)
		c.quiet = nil
	}
	c.tidy()
}

// tidy gives back buffers that nothing is gathered in. The lock is held.
func (c *conn) tidy() {
	if c.err == nil && len(c.streams) > 0 && cap(c.out)+cap(c.spare) <= frameBuffer {
		return
	}
	if len(c.out) == 0 || c.err != nil {
		buffers.giveBack(c.out)
		c.out = nil
	}
	buffers.giveBack(c.spare)
	c.spare = nil
}

// full reports whether no more data may be gathered. The lock is held.
func (c *conn) full() bool { return len(c.out) >= maxGathered }

// room wakes the streams that wait for it. The lock is held.
func (c *conn) room() {
	if c.waitRoom == 0 || c.full() {
		return
	}
	c.waitRoom = 0
	for _, s := range c.streams {
		if s.wantsRoom {
			s.wantsRoom = false
			s.wakeUp()
		}
	}
}

// data gathers a DATA frame without the Framer, which would copy it twice. The lock
// is held.
func (c *conn) data(id uint32, p []byte, flags http2.Flags) {
	if c.err != nil {
		return
	}
	var h [9]byte
	n := len(p)
	h[0], h[1], h[2] = byte(n>>16), byte(n>>8), byte(n)
	h[3], h[4] = byte(http2.FrameData), byte(flags)
	binary.BigEndian.PutUint32(h[5:], id)
	c.out = buffers.appendTo(c.out, h[:])
	c.out = buffers.appendTo(c.out, p)
}

// headers gathers a header block. The lock is held.
func (c *conn) headers(id uint32, h *Head, flags http2.Flags) {
	c.encoded.Reset()
	c.encodePseudo(h)
	for i := range h.Fields {
		c.encode(h.Fields[i])
	}
	p := c.encoded.Bytes()
	first := p[:min(len(p), c.peer.maxFrame)]
	p = p[len(first):]
	c.fr.WriteHeaders(http2.HeadersFrameParam{ //nolint:errcheck // gathering cannot fail
		StreamID: id, BlockFragment: first, EndStream: flags.Has(http2.FlagHeadersEndStream), EndHeaders: len(p) == 0,
	})
	for len(p) > 0 {
		next := p[:min(len(p), c.peer.maxFrame)]
		p = p[len(next):]
		c.fr.WriteContinuation(id, len(p) == 0, next) //nolint:errcheck // as above
	}
	if c.encoded.Cap() > frameBuffer {
		c.encoded = bytes.Buffer{}
	}
}

// statusText is a status as it is written, the usual one without allocating.
func statusText(status int) string {
	if status == 200 {
		return "200"
	}
	return strconv.Itoa(status)
}

func (c *conn) encodePseudo(h *Head) {
	switch {
	case h.Status != 0:
		c.encode(Field{Name: ":status", Value: statusText(h.Status)})
	case h.Method != "":
		c.encode(Field{Name: ":method", Value: h.Method})
		if h.Scheme != "" {
			c.encode(Field{Name: ":scheme", Value: h.Scheme})
			c.encode(Field{Name: ":path", Value: h.Path})
		}
		if h.Authority != "" {
			c.encode(Field{Name: ":authority", Value: h.Authority})
		}
		if h.Protocol != "" {
			c.encode(Field{Name: ":protocol", Value: h.Protocol})
		}
	}
}

// encode appends one field. What is different in every message is kept out of the
// tables: it would drive out what is not. Only the first of a name goes in, for the
// name's sake: it takes a byte from then on, instead of being spelled out. The fields of
// a trace must be among these: their values are in memory that the next request writes to.
func (c *conn) encode(f Field) {
	if i := slices.Index(passing[:], f.Name); i >= 0 {
		if f.Sensitive = c.named&(1<<i) != 0; !f.Sensitive {
			f.Value = strings.Clone(f.Value) // the table keeps it
		}
		c.named |= 1 << i
	}
	c.enc.WriteField(f) //nolint:errcheck // a bytes.Buffer takes all
}

// passing are the fields whose values are different in every message.
var passing = [...]string{
	"traceparent", "tracestate", "x-request-id", "b3", "content-length", "grpc-timeout", "date", "etag", "grpc-message",
	"baggage", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
}
