package serve

import (
	"time"

	"github.com/sightline-mesh/sightline/proxy/http2"
)

// push passes on what has come of the request, as far as the windows of the other side
// allow, and reports whether that was anything.
func (h *h2) push(x *exchange) (moved bool) {
	b := &h.body
	for !b.done {
		p := b.pending()
		if len(p) == 0 && !b.all {
			if !b.fill(x, h.down) {
				return moved
			}
			continue
		}
		n, done := h.pass(p)
		if n > 0 {
			b.took(n, h.down)
		}
		moved = moved || n > 0 || done
		if n < len(p) || !done && b.all {
			return moved
		}
		b.done = b.all
	}
	return moved
}

// pass gathers p, which is the end of the body if that has come.
func (h *h2) pass(p []byte) (n int, done bool) {
	b := &h.body
	switch {
	case !b.all:
		return h.up.Send(p), false
	case b.trailers == nil:
		return h.up.SendLast(p)
	}
	if n = h.up.Send(p); n == len(p) {
		h.up.SendTrailers(b.trailers)
		done = true
	}
	return n, done
}

// pull passes on what has come of the answer, as push does, and reports whether the
// answer was passed on to its end.
func (h *h2) pull(x *exchange) (moved, done bool) {
	for {
		if len(h.back) == 0 && !h.ended {
			if h.back, h.ended = h.up.Data(); len(h.back) == 0 && !h.ended {
				return moved, false
			}
			x.rec.BytesOut += uint64(len(h.back))
		}
		var n int
		n, done = h.passBack(x)
		h.up.Took(n)
		moved = moved || n > 0 || done
		h.back = h.back[n:]
		if done || len(h.back) > 0 || h.ended {
			return moved, done
		}
	}
}

// passBack is pass for the answer.
func (h *h2) passBack(x *exchange) (n int, done bool) {
	var trailers *http2.Head
	if h.ended {
		trailers = h.up.Trailers()
	}
	switch {
	case !h.ended:
		return h.down.Send(h.back), false
	case trailers == nil:
		return h.down.SendLast(h.back)
	}
	if n = h.down.Send(h.back); n == len(h.back) {
		x.noteTrailers(trailers)
		h.down.SendTrailers(trailers)
		done = true
	}
	return n, done
}

// patience is how long to wait for news: until then, or as long as the request may be
// idle. 0 is for ever, below 0 is no longer.
func (h *h2) patience(until time.Time) time.Duration {
	idle := max(h.cfg.intake.Idle, 0)
	if h.lasts {
		idle = 0
	}
	h.idled = idle > 0
	if until.IsZero() {
		return idle
	}
	d := time.Until(until)
	if d == 0 {
		d = -1
	}
	if idle > 0 && idle < d {
		return idle
	}
	h.idled = false
	return d
}

// wait sends what is gathered and waits for news, until then at the latest; zero is
// for ever.
func (h *h2) wait(until time.Time) (late bool) {
	if h.up != nil {
		h.up.Flush()
	}
	h.down.Flush()
	d := h.patience(until)
	if d == 0 {
		<-h.wake
		return false
	}
	if d < 0 {
		return true
	}
	if h.timer == nil {
		h.timer = time.NewTimer(d)
	} else {
		h.timer.Reset(d)
	}
	select {
	case <-h.wake:
		h.timer.Stop()
		return false
	case <-h.timer.C:
		return true
	}
}
