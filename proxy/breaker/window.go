package breaker

import "time"

const buckets = 10

// window counts requests and successes over a span of time, exactly, in a ring of
// ten buckets. It is not an average that decays: a burst of successes just before
// an outage would hide it for long.
type window struct {
	width   time.Duration // of one bucket
	current int64         // number of the newest bucket since the epoch
	total   [buckets]int
	good    [buckets]int
	sum, ok int // over all buckets
}

func newWindow(span time.Duration) window {
	return window{width: max(span/buckets, time.Millisecond)}
}

// add counts a request with 1 or 0 successes.
func (w *window) add(now time.Time, success int) {
	w.advance(now)
	i := w.current % buckets
	w.total[i]++
	w.sum++
	w.good[i] += success
	w.ok += success
}

// advance empties the buckets that have left the span; a gap longer than the span
// empties all.
func (w *window) advance(now time.Time) {
	n := now.UnixNano() / int64(w.width)
	if n <= w.current {
		return // a clock that steps back counts into the newest bucket
	}
	if n-w.current >= buckets {
		*w = window{width: w.width, current: n}
		return
	}
	for w.current < n {
		w.current++
		i := w.current % buckets
		w.sum -= w.total[i]
		w.ok -= w.good[i]
		w.total[i], w.good[i] = 0, 0
	}
}

func (w *window) reset() { *w = window{width: w.width, current: w.current} }
