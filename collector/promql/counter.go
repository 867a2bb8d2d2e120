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
}

// Labels are the series' labels, its name among them.
func (c *counter) Labels() labels.Labels { return c.labels }

// Iterator walks over the counter's values.
func (c *counter) Iterator(chunkenc.Iterator) chunkenc.Iterator {
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

// at is the counter's value at a time in milliseconds.
func (c *counter) at(t int64) float64 {
	complete := c.schedule.slots(t)
	n := sort.Search(len(c.slots), func(i int) bool { return c.slots[i] >= complete })
	if n == 0 {
		return 0
	}
	return c.values[n-1]
}

// point is all the samples of a counter, one at a time: it computes a sample when it is
// asked for, instead of keeping what may be thousands of them for each series. It is
// the storage.Samples of an iterator that looks at one sample before it gets another.
type point struct {
	sample
	series *counter
}

func (p *point) Len() int { return len(p.series.schedule.times) }

func (p *point) Get(i int) chunks.Sample {
	p.t = p.series.schedule.times[i]
	return p
}

// F computes the value only when it is looked at: seeking needs times alone.
func (p *point) F() float64 { return p.series.at(p.t) }

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
