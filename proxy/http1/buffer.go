package http1

import "sync"

// The sizes of borrowed buffers: a head and a small body fit the first, bulk goes
// through the second (two TLS records), heads up to the limit through the third.
const (
	smallBuffer = 8 << 10
	bulkBuffer  = 32 << 10
	headBuffer  = 64 << 10
)

// bufferPool lends buffers by size. Array pointers are pooled because a slice put
// into an interface would be allocated anew each time.
type bufferPool struct{ small, bulk, head sync.Pool }

// buffers is shared by all connections of the process: what one has given back
// the next may borrow, whichever listener or pool it belongs to.
var buffers bufferPool

// borrow returns a buffer of at least n bytes, n ≤ headBuffer, with old content.
func (p *bufferPool) borrow(n int) []byte {
	switch {
	case n <= smallBuffer:
		if b, ok := p.small.Get().(*[smallBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, smallBuffer)
	case n <= bulkBuffer:
		if b, ok := p.bulk.Get().(*[bulkBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, bulkBuffer)
	default:
		if b, ok := p.head.Get().(*[headBuffer]byte); ok {
			return b[:]
		}
		return make([]byte, headBuffer)
	}
}

// giveBack takes back what borrow lent. Nil is ignored.
func (p *bufferPool) giveBack(b []byte) {
	switch len(b) {
	case smallBuffer:
		p.small.Put((*[smallBuffer]byte)(b))
	case bulkBuffer:
		p.bulk.Put((*[bulkBuffer]byte)(b))
	case headBuffer:
		p.head.Put((*[headBuffer]byte)(b))
	}
}

// Borrow lends a buffer of at least n bytes (n up to 64 KiB) from the pool that
// the connections use. Give it back with [GiveBack] in its full length.
func Borrow(n int) []byte { return buffers.borrow(n) }

// GiveBack ends a loan of [Borrow].
func GiveBack(b []byte) { buffers.giveBack(b) }
