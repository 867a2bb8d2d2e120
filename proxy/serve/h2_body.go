package serve

import "github.com/sightline-mesh/sightline/proxy/http2"

// h2Body is the body of an HTTP/2 request on its way: what has come, and how much of
// it the present try has been sent.
type h2Body struct {
	held     replay // from the beginning, as long as it may be needed again
	rest     []byte // when not held: what has come and was not sent
	sent     int    // bytes, by this try
	passed   int    // bytes, by the try that came furthest
	all      bool   // the client has ended it
	trailers *http2.Head
	done     bool // this try has been sent all of it
	final    bool // no try will follow
}

// pending is what has come and was not sent by this try.
func (b *h2Body) pending() []byte {
	if b.held.lost {
		return b.rest
	}
	return b.held.held()[b.sent:]
}

// fill takes what has come since, when nothing is pending, and reports whether that is
// anything.
func (b *h2Body) fill(x *exchange, from *http2.Stream) bool {
	if b.all {
		return false
	}
	p, ended := from.Data()
	if ended {
		b.all, b.trailers = true, from.Trailers()
		x.whole()
	}
	if len(p) == 0 {
		return ended
	}
	x.rec.BytesIn += uint64(len(p))
	if b.final && !b.held.lost {
		b.held.free()
		b.held.lost = true
	}
	if b.held.add(p); b.held.lost {
		b.rest = p
	}
	return true
}

// took notes that the try was sent n more bytes: the client may send as many more,
// unless an earlier try was sent them.
func (b *h2Body) took(n int, from *http2.Stream) {
	b.sent += n
	if b.held.lost {
		b.rest = b.rest[n:]
	}
	if b.sent > b.passed {
		from.Took(b.sent - b.passed)
		b.passed = b.sent
	}
}

// again makes the next try begin at the beginning.
func (b *h2Body) again() { b.sent, b.done = 0, false }

// end gives the buffer back.
func (b *h2Body) end() {
	b.held.free()
	*b = h2Body{}
}
