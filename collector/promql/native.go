package promql

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// native is a computed series of native histograms: what each slot adds. It is a part of
// a counter, and as long as its slots.
type native struct {
	added     [][]addend
	sums      []float64
	low, high int32 // of all that is added, as Prometheus numbers buckets
	empty     bool
}

// addend is how many values fell into a bucket.
type addend struct {
	bucket int32
	n      float64
}

// addHistogram records the exponential buckets and the sum of a slot, in milliseconds.
// Slots come in ascending order.
func (c *counter) addHistogram(slot int64, buckets map[int16]uint64, sum, unit float64) {
	if last := len(c.slots) - 1; last < 0 || c.slots[last] != slot {
		c.slots = append(c.slots, slot)
		c.native.added = append(c.native.added, nil)
		c.native.sums = append(c.native.sums, 0)
	}
	last := len(c.slots) - 1
	c.native.sums[last] += sum / unit
	// Where the unit is no whole number of buckets away, each is divided as one that is
	// filled evenly on its logarithmic scale. Prometheus numbers them by their upper bound.
	whole, part := math.Modf(math.Log2(unit) * (1 << signal.DurationScale))
	for i, n := range buckets {
		at := int32(i) + 1 - int32(whole)
		c.native.add(last, addend{at, float64(n) * (1 - part)})
		if part > 0 {
			c.native.add(last, addend{at - 1, float64(n) * part})
		}
	}
}

func (n *native) add(at int, a addend) {
	n.added[at] = append(n.added[at], a)
	if n.empty {
		n.low, n.high, n.empty = a.bucket, a.bucket, false
	}
	n.low, n.high = min(n.low, a.bucket), max(n.high, a.bucket)
}

// sweep is a chunkenc.Iterator over a counter of native histograms: it goes forward only
// and adds up as it goes.
type sweep struct {
	series *counter
	at     int // in the schedule
	slot   int // the first that is not added yet
	counts []float64
	count  float64
	sum    float64
}

func newSweep(c *counter) *sweep {
	s := &sweep{series: c, at: -1}
	if !c.native.empty {
		s.counts = make([]float64, c.native.high-c.native.low+1)
	}
	return s
}

func (s *sweep) Next() chunkenc.ValueType {
	s.at++
	return s.kind()
}

func (s *sweep) Seek(t millis) chunkenc.ValueType {
	s.at = max(s.at, 0)
	times := s.series.schedule.times
	rest := times[min(s.at, len(times)):]
	n, _ := slices.BinarySearch(rest, t)
	s.at += n
	return s.kind()
}

// At is not called: all values are histograms, and all of them of floats, so neither is
// AtHistogram.
func (s *sweep) At() (int64, float64) { return s.AtT(), 0 }

func (s *sweep) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	return s.AtT(), nil
}

func (s *sweep) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	s.reach(s.series.schedule.slots(s.AtT()))
	if into == nil {
		into = &histogram.FloatHistogram{}
	}
	*into = histogram.FloatHistogram{
		CounterResetHint: histogram.NotCounterReset, Schema: signal.DurationScale, Count: s.count, Sum: s.sum,
		PositiveSpans: into.PositiveSpans[:0], PositiveBuckets: append(into.PositiveBuckets[:0], s.counts...),
	}
	if len(s.counts) > 0 {
		into.PositiveSpans = append(into.PositiveSpans, histogram.Span{Offset: s.series.native.low, Length: uint32(len(s.counts))})
	}
	return s.AtT(), into
}

func (s *sweep) AtT() int64 { return s.series.schedule.times[s.at] }

func (*sweep) AtST() int64 { return 0 }

func (*sweep) Err() error { return nil }

func (s *sweep) kind() chunkenc.ValueType {
	if s.at >= len(s.series.schedule.times) {
		return chunkenc.ValNone
	}
	return chunkenc.ValFloatHistogram
}

// reach adds what happened in the first so many slots.
func (s *sweep) reach(complete int64) {
	for ; s.slot < len(s.series.slots) && s.series.slots[s.slot] < complete; s.slot++ {
		s.sum += s.series.native.sums[s.slot]
		for _, a := range s.series.native.added[s.slot] {
			s.counts[a.bucket-s.series.native.low] += a.n
			s.count += a.n
		}
	}
}
