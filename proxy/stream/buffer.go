package stream

import "sync"

// The sizes of buffers: a stream of questions and answers gets by with the first;
// bulk goes through the second, which holds two TLS records.
const (
	small = 4 << 10
	large = 32 << 10
)

var (
	smallPool = sync.Pool{New: func() any { return new([small]byte) }}
	largePool = sync.Pool{New: func() any { return new([large]byte) }}
)

// patience is how many small reads in a row make a large buffer too large. A stream
// that waits for its next byte holds its buffer, perhaps for an hour.
const patience = 16

// buffer lends one direction its space, as large as its last reads needed.
type buffer struct {
	b    []byte
	last int // what the last read brought
	few  int // reads in a row that a small buffer would have held
}

// next is the space for one read. What the one before brought is used by then.
func (b *buffer) next() []byte {
	switch {
	case b.b == nil, len(b.b) == large && b.few >= patience:
		b.free()
		b.b = smallPool.Get().(*[small]byte)[:]
	case len(b.b) == small && b.last == small:
		b.free()
		b.b, b.few = largePool.Get().(*[large]byte)[:], 0
	}
	return b.b
}

// saw learns how much a read brought.
func (b *buffer) saw(n int) {
	b.last = n
	if n >= small {
		b.few = 0
		return
	}
	b.few++
}

// free gives the buffer back.
func (b *buffer) free() {
	switch len(b.b) {
	case small:
		smallPool.Put((*[small]byte)(b.b))
	case large:
		largePool.Put((*[large]byte)(b.b))
	}
	b.b = nil
}
