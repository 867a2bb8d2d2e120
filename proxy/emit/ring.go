package emit

import (
	"slices"
	"sync"
	"unsafe"
)

// chunkBytes is what one chunk of records takes.
const chunkBytes = int(unsafe.Sizeof(chunk{}))

// spareChunks are kept when there is nothing to do: one to fill, one to encode and one
// between them.
const spareChunks = 3

// ring is where the goroutines of requests leave records and the encoding one takes
// them: chunks that go round, no more than a bound, most of which exist only while
// records come faster than they are encoded.
type ring struct {
	most   int           // chunks
	sealed chan struct{} // capacity 1: a chunk became full

	mu      sync.Mutex // held to copy one record, or to hand a chunk over
	filling *chunk     // nil until there is a record for it
	full    []*chunk   // oldest first
	spare   []*chunk
	chunks  int // all that exist
	ended   bool
}

func newRing(bytes int) *ring {
	return &ring{most: max(bytes/chunkBytes, 2), sealed: make(chan struct{}, 1)}
}

// add copies r, or says why not.
func (g *ring) add(r *Record) (dropped string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return DroppedLate
	}
	if g.filling == nil && !g.open() {
		return DroppedBufferFull
	}
	g.filling.add(r)
	if g.filling.full() {
		g.full, g.filling = append(g.full, g.filling), nil
		select {
		case g.sealed <- struct{}{}:
		default:
		}
	}
	return ""
}

// open begins a chunk, if there may be another; g.mu is held.
func (g *ring) open() bool {
	switch n := len(g.spare); {
	case n > 0:
		g.filling, g.spare = g.spare[n-1], g.spare[:n-1]
	case g.chunks < g.most:
		g.filling = new(chunk)
		g.chunks++
	default:
		return false
	}
	return true
}

// take removes the oldest full chunk; nil is none. The caller gives it back.
func (g *ring) take() *chunk {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.full) == 0 {
		return nil
	}
	c := g.full[0]
	g.full = slices.Delete(g.full, 0, 1)
	return c
}

// rest removes the chunk that is being filled, if it holds anything; nil is none. The
// caller gives it back.
func (g *ring) rest() *chunk {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.filling
	g.filling = nil
	return c
}

// giveBack returns a chunk that was taken.
func (g *ring) giveBack(c *chunk) {
	c.reset()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.spare) < spareChunks {
		g.spare = append(g.spare, c)
		return
	}
	g.chunks--
}

// end makes add take nothing any more.
func (g *ring) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
}
