package promql

import (
	"time"

	"github.com/prometheus/prometheus/storage"
)

// schedule says at which times a computed counter has a value, and in which slots the
// rows must be summed for that.
type schedule struct {
	times  []int64       // ms, ascending
	start  int64         // Unix seconds where the counter begins, at zero
	end    int64         // Unix seconds where the last slot ends at the latest
	grain  time.Duration // of a slot; whole seconds
	rollup bool          // rows per minute will do
}

const (
	pointsPerWindow = 10 // at least, between the ends of a window
	second          = int64(1000)
	// rollupWindow is from which window on rows per minute are exact enough.
	rollupWindow = time.Hour
	// rowsKept is how long rows per second are kept, less a day.
	rowsKept = 6 * 24 * time.Hour
)

// plan makes the schedule for what the engine is about to read. The engine evaluates
// at t0, t0+step … and looks at (t-range, t] each time: the schedule has a value at t,
// and at t-range plus the millisecond by which the window is open, so that the
// difference of the two is exact. A subquery evaluates at times of its own and finds
// the points between.
func plan(h *storage.SelectHints, lookback time.Duration, now time.Time) schedule {
	window := h.Range
	if window == 0 {
		window = lookback.Milliseconds()
	}
	step := max(h.Step, 1)
	first := min(h.Start+window-1, h.End)
	p := schedule{grain: lookback}
	if h.Range > 0 || h.End-first >= step {
		p.grain = time.Duration(grain(h.Range, step, h.End-first)) * time.Second
	}
	for t := first; t <= h.End; t += step {
		p.window(t, h.Range)
	}
	p.begin(first-h.Range, h.Range)
	long := h.Range >= rollupWindow.Milliseconds() && p.grain%time.Minute == 0
	if long || p.start < now.Add(-rowsKept).Unix() {
		p.coarsen()
	}
	return p
}

// coarsen makes the slots whole minutes.
func (p *schedule) coarsen() {
	const minute = int64(time.Minute / time.Second)
	p.rollup = true
	p.start -= p.start % minute
	p.end -= p.end % minute
	p.grain = (p.grain + time.Minute - 1).Truncate(time.Minute)
}

// begin fixes where the counter begins: at the first window's start. A bare selector
// has no window, and its counter begins with the lookback's slot.
func (p *schedule) begin(at, window int64) {
	if window == 0 {
		at -= p.grain.Milliseconds()
	}
	p.start = floorDiv(at, second)
	p.end = floorDiv(p.times[len(p.times)-1], second)
}

// window adds the times of the window that ends at t, without those that an earlier
// window has added already.
func (p *schedule) window(t, length int64) {
	if length == 0 {
		p.add(t)
		return
	}
	g := p.grain.Milliseconds()
	open := t - length
	at := open + g
	if n := len(p.times); n > 0 && p.times[n-1] >= open+1 {
		at = p.times[n-1] + g
		p.insert(open + 1)
	} else {
		p.add(open + 1)
	}
	for ; at < t; at += g {
		p.add(at)
	}
	p.add(t)
}

func (p *schedule) add(t int64) {
	if n := len(p.times); n == 0 || p.times[n-1] < t {
		p.times = append(p.times, t)
	}
}

// insert adds a time that lies before the last one.
func (p *schedule) insert(t int64) {
	i := len(p.times)
	for i > 0 && p.times[i-1] > t {
		i--
	}
	if i > 0 && p.times[i-1] == t {
		return
	}
	p.times = append(p.times, 0)
	copy(p.times[i+1:], p.times[i:])
	p.times[i] = t
}

// grain is the longest slot in seconds that ends at both ends of every window and
// divides a window into enough points. window, step and span are milliseconds.
func grain(window, step, span int64) int64 {
	if window == 0 {
		return max(step/second, 1)
	}
	g := window
	if span > 0 {
		g = gcd(window, step)
	}
	return divisor(max(g/second, 1), max(window/second/pointsPerWindow, 1))
}

// divisor is the greatest divisor of n that is at most limit.
func divisor(n, limit int64) int64 {
	for d := min(n, limit); d > 1; d-- {
		if n%d == 0 {
			return d
		}
	}
	return 1
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// slots is how many slots of the rows are complete at t.
func (p *schedule) slots(t int64) int64 {
	return (floorDiv(t, second) - p.start) / int64(p.grain/time.Second)
}
