package promql

import (
	"slices"
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
	minute          = int64(time.Minute / time.Second)
	// rollupWindow is from which window on rows per minute are exact enough where a window
	// does not begin with a minute.
	rollupWindow = time.Hour
	// rowsKept is how long rows per second are kept, less a day.
	rowsKept = 6 * 24 * time.Hour
)

// plan makes the schedule for what the engine is about to read. The engine evaluates
// at t0, t0+step … and looks at (t-range, t] each time: the schedule has a value at t,
// and at t-range plus the millisecond by which the window is open, so that the
// difference of the two is exact. A subquery does the same at multiples of its step;
// who does not know that there is none has the points of both.
func plan(h *storage.SelectHints, n notes, lookback time.Duration, now time.Time) schedule {
	length := h.Range
	if length == 0 {
		length = lookback.Milliseconds()
	}
	step := max(h.Step, 1)
	first := min(h.Start+length-1, h.End)
	aligned := floorDiv(first+step-1, step) * step
	if n.inSteps {
		aligned = first
	}
	p := schedule{grain: lookback}
	if h.Range > 0 || h.End-first >= step {
		p.grain = time.Duration(grain(h, step, h.End-first, aligned-first)) * time.Second
	}
	for t := first; t <= h.End; t += step {
		p.window(t, h)
	}
	for t := aligned; t <= h.End && aligned != first; t += step {
		p.window(t, h)
	}
	slices.Sort(p.times)
	p.times = slices.Compact(p.times)
	p.begin(first-h.Range, h.Range)
	minutes := p.grain%time.Minute == 0 && (p.start%minute == 0 || h.Range >= rollupWindow.Milliseconds())
	if minutes || p.start < now.Add(-rowsKept).Unix() {
		p.coarsen()
	}
	return p
}

// coarsen makes the slots whole minutes.
func (p *schedule) coarsen() {
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

// window adds the times of the window that ends at t: both its ends, and points
// between for functions that look at more than the ends.
func (p *schedule) window(t int64, h *storage.SelectHints) {
	length := h.Range
	p.times = append(p.times, t)
	if length == 0 {
		return
	}
	g := p.grain.Milliseconds()
	apart := max(length/pointsPerWindow/g, 1) * g
	if endsOnly(h) {
		apart = length
	}
	for at := t - apart; at > t-length; at -= apart {
		p.times = append(p.times, at)
	}
	p.times = append(p.times, t-length+1)
}

// grain is the longest slot in seconds that ends at both ends of every window, of those
// shifted too, and divides a window into enough points if those are looked at. All else is
// milliseconds.
func grain(h *storage.SelectHints, step, span, shift int64) int64 {
	window := h.Range
	g := max(step, second)
	if window > 0 {
		g = window
	}
	if span > 0 && window > 0 {
		g = gcd(window, step)
	}
	if span > 0 {
		g = gcd(g, shift)
	}
	g = max(g/second, 1)
	if window == 0 || endsOnly(h) {
		return g
	}
	return divisor(g, max(window/second/pointsPerWindow, 1))
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
