package tail

import (
	"math"
	"math/bits"
	"slices"
)

const (
	maxRoutes  = 10_000
	enough     = 100 // observations, before which there is no percentile
	slowest    = 0.01
	halfLife   = 600 // seconds, after which an observation counts half
	fadeEvery  = 60  // seconds
	subBuckets = 5   // bits: a bucket is 3 % wide
	leastBits  = 10  // durations below a microsecond are alike
)

// routes are the durations of requests by route: of so many, as they were lately.
type routes struct {
	all   map[uint64]*durations
	swept int64
}

func newRoutes() routes { return routes{all: map[uint64]*durations{}} }

// observe adds a request and reports whether it took longer than the 99th percentile of
// those before. A route for which there is no room has none.
func (r *routes) observe(route uint64, took, second int64) (slow bool) {
	d := r.all[route]
	if d == nil {
		if len(r.all) >= maxRoutes && !r.sweep(second) {
			return false
		}
		d = &durations{faded: second}
		r.all[route] = d
	}
	d.fade(second)
	slow = d.p99 > 0 && took > d.p99
	d.add(took)
	return slow
}

// sweep forgets the routes of which little was seen lately.
func (r *routes) sweep(second int64) bool {
	if second-r.swept < fadeEvery {
		return false
	}
	r.swept = second
	for route, d := range r.all {
		if d.fade(second); d.total < 1 {
			delete(r.all, route)
		}
	}
	return len(r.all) < maxRoutes
}

// durations are an exponential histogram that forgets.
type durations struct {
	lowest int       // bucket of counts[0]
	counts []float32 // by bucket
	total  float64
	p99    int64   // ns; 0 is not known
	fresh  float64 // observations since it was estimated
	faded  int64
}

func bucketOf(ns int64) int {
	v := uint64(max(ns, 1<<leastBits))
	exponent := bits.Len64(v) - 1
	return exponent<<subBuckets | int(v>>(exponent-subBuckets))&(1<<subBuckets-1)
}

// lowerBound is of a bucket; it is the upper one of the bucket before.
func lowerBound(bucket int) float64 {
	exponent := bucket >> subBuckets
	return math.Ldexp(1+float64(bucket&(1<<subBuckets-1))/(1<<subBuckets), exponent)
}

func (d *durations) add(ns int64) {
	b := bucketOf(ns)
	switch {
	case len(d.counts) == 0:
		d.lowest = b
		d.counts = append(d.counts, 0)
	case b < d.lowest:
		d.counts = append(make([]float32, d.lowest-b), d.counts...)
		d.lowest = b
	case b >= d.lowest+len(d.counts):
		d.counts = append(d.counts, make([]float32, b-d.lowest-len(d.counts)+1)...)
	}
	d.counts[b-d.lowest]++
	d.total++
	if d.fresh++; d.fresh >= max(d.total/32, 8) {
		d.estimate()
	}
}

// estimate finds the 99th percentile, within a bucket as if its durations were spread
// evenly.
func (d *durations) estimate() {
	d.fresh, d.p99 = 0, 0
	if d.total < enough {
		return
	}
	beyond := d.total * slowest
	for i, count := range slices.Backward(d.counts) {
		n := float64(count)
		if n > 0 && n >= beyond {
			low, high := lowerBound(d.lowest+i), lowerBound(d.lowest+i+1)
			d.p99 = int64(high - (high-low)*beyond/n)
			return
		}
		beyond -= n
	}
}

// fade lets what was observed count less.
func (d *durations) fade(second int64) {
	since := second - d.faded
	if since < fadeEvery {
		return
	}
	d.faded = second
	by := math.Exp2(-float64(since) / halfLife)
	for i := range d.counts {
		d.counts[i] *= float32(by)
	}
	d.total *= by
	d.estimate()
}
