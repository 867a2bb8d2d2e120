package http2

import "sync"

// The sizes of borrowed buffers: a small message, a frame, what is gathered, a
// stream's whole window.
const (
	smallBuffer = 2 << 10
	frameBuffer = 16 << 10
	bulkBuffer  = 64 << 10
	fullBuffer  = streamWindow
)

// bufferPool lends buffers by size. Array pointers are pooled because a slice put
// into an interface would be allocated anew each time.
type bufferPool struct{ small, frame, bulk, full sync.Pool }

// buffers is shared by all connections of the process.
var buffers bufferPool

// borrow returns a buffer of at least n bytes with old content.
func (p *bufferPool) borrow(n int) []byte {
	switch {
	case n <= smallBuffer:
		if b, ok := p.small.Get().(*[smallBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, smallBuffer)
	case n <= frameBuffer:
		if b, ok := p.frame.Get().(*[frameBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, frameBuffer)
	case n <= bulkBuffer:
		if b, ok := p.bulk.Get().(*[bulkBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, bulkBuffer)
	case n <= fullBuffer:
		if b, ok := p.full.Get().(*[fullBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, fullBuffer)
	}
	return make([]byte, n)
}

// giveBack takes back what borrow lent, in any length. What is of no size that is
// lent, nil too, is left to the collector.
func (p *bufferPool) giveBack(b []byte) {
	switch cap(b) {
	case smallBuffer:
		p.small.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case frameBuffer:
		p.frame.Put((*[frameBuffer]byte)(b[:frameBuffer]))
	case bulkBuffer:
		p.bulk.Put((*[bulkBuffer]byte)(b[:bulkBuffer]))
	case fullBuffer:
		p.full.Put((*[fullBuffer]byte)(b[:fullBuffer]))
	}
}

// appendTo appends p to b, which was borrowed or is nil, in a larger loan if needed.
func (p *bufferPool) appendTo(b, data []byte) []byte {
	if n := len(b) + len(data); n > cap(b) {
		next := append(p.borrow(n)[:0], b...)
		p.giveBack(b)
		b = next
	}
	return append(b, data...)
}
