package promql

import (
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// counter is one computed series: where it rises, and the schedule that says at which
// times it is read. It is a storage.Series.
type counter struct {
	labels   labels.Labels
	schedule *schedule
	slots    []int64   // ascending; slot i has passed when more than i slots are complete
	values   []float64 // what the counter has reached after the slot
	native   *native   // instead of values, of a native histogram
}

// Labels are the series' labels, its name among them.
func (c *counter) Labels() labels.Labels { return c.labels }

// Iterator walks over the counter's values.
func (c *counter) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	if c.native != nil {
		return newSweep(c)
	}
	return storage.NewListSeriesIterator(&point{series: c})
}

// add records what happened in a slot. Slots come in ascending order.
func (c *counter) add(slot int64, n float64) {
	if last := len(c.slots) - 1; last >= 0 {
		if c.slots[last] == slot {
			c.values[last] += n
			return
		}
		n += c.values[last]
	}
	c.slots = append(c.slots, slot)
	c.values = append(c.values, n)
}

// passed is how many of the counter's slots are complete at a time in milliseconds. Who
// goes on from an earlier time has its answer for from, so that a walk over all of a
// counter's times is one over its slots.
func (c *counter) passed(t int64, from int) int {
	complete := c.schedule.slots(t)
	if from > 0 && c.slots[from-1] >= complete {
		from = 0
	}
	const near = 4
	for n := from; n < min(from+near, len(c.slots)); n++ {
		if c.slots[n] >= complete {
			return n
		}
	}
	rest := c.slots[from:]
	return from + sort.Search(len(rest), func(i int) bool { return rest[i] >= complete })
}

// point is all the samples of a counter, one at a time: it computes a sample when it is
// asked for, instead of keeping what may be thousands of them for each series. It is
// the storage.Samples of an iterator that looks at one sample before it gets another.
type point struct {
	sample
	series *counter
	passed int // slots at the last time that was looked at
}

func (p *point) Len() int { return len(p.series.schedule.times) }

func (p *point) Get(i int) chunks.Sample {
	p.t = p.series.schedule.times[i]
	return p
}

// F computes the value only when it is looked at: seeking needs times alone.
func (p *point) F() float64 {
	p.passed = p.series.passed(p.t, p.passed)
	if p.passed == 0 {
		return 0
	}
	return p.series.values[p.passed-1]
}

func (p *point) Copy() chunks.Sample { return sample{t: p.t, v: p.F()} }

// sample is a float at a time, a chunks.Sample.
type sample struct {
	t int64
	v float64
}

func (s sample) T() int64                    { return s.t }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.v }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
