package promql

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// millis is a time in Unix milliseconds, as Prometheus counts. The name keeps vet from
// taking Seek for io.Seeker's.
type millis = int64

// series is one that is stored, in memory: a storage.Series. All lists are as long as
// times, or nil.
type series struct {
	labels     labels.Labels
	times      []millis
	values     []float64
	starts     []millis                    // 0 is not known
	histograms []*histogram.FloatHistogram // instead of the value, where not nil
}

// Labels are the series' labels, its name among them.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator walks over the values.
func (s *series) Iterator(it chunkenc.Iterator) chunkenc.Iterator {
	w, ok := it.(*walk)
	if !ok {
		w = &walk{}
	}
	*w = walk{series: s, at: -1}
	return w
}

// add puts the histograms of a series behind the values of this one.
func (s *series) add(o *series) {
	n := len(s.times)
	if n == 0 {
		s.times, s.values, s.starts, s.histograms = o.times, o.values, o.starts, o.histograms
		return
	}
	s.histograms = append(make([]*histogram.FloatHistogram, n), o.histograms...)
	if s.starts == nil {
		s.starts = make([]int64, n)
	}
	s.starts = append(s.starts, o.starts...)
	s.times = append(s.times, o.times...)
	s.values = append(s.values, o.values...)
}

// sort puts the values in order of time. Of several at one time the greatest stays, and a
// histogram rather than a number: the store gives them in any order, and which of them is
// answered must not change from one question to the next.
func (s *series) sort() {
	if ascending(s.times) {
		return
	}
	order := make([]int, len(s.times))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.times[a], s.times[b]) })
	kept := order[:0]
	for _, i := range order {
		if n := len(kept); n > 0 && s.times[kept[n-1]] == s.times[i] {
			if s.compareAt(i, kept[n-1]) > 0 {
				kept[n-1] = i
			}
			continue
		}
		kept = append(kept, i)
	}
	s.times = pick(s.times, kept)
	s.values = pick(s.values, kept)
	s.starts = pick(s.starts, kept)
	s.histograms = pick(s.histograms, kept)
}

// compareAt orders two values of one time: NaN before numbers before histograms.
func (s *series) compareAt(a, b int) int {
	return cmp.Or(
		cmp.Compare(s.observations(a), s.observations(b)),
		cmp.Compare(s.values[a], s.values[b]),
		cmp.Compare(math.Float64bits(s.values[a]), math.Float64bits(s.values[b])),
	)
}

// observations is how many a histogram has, -1 for a number.
func (s *series) observations(i int) float64 {
	if s.histograms == nil || s.histograms[i] == nil {
		return -1
	}
	return s.histograms[i].Count
}

// cut drops what was before a time. The values are in order.
func (s *series) cut(before millis) {
	n, _ := slices.BinarySearch(s.times, before)
	s.times = s.times[n:]
	s.values = s.values[n:]
	if s.starts != nil {
		s.starts = s.starts[n:]
	}
	if s.histograms != nil {
		s.histograms = s.histograms[n:]
	}
}

// ascending reports whether no two times are the same or in the wrong order.
func ascending(times []int64) bool {
	for i := 1; i < len(times); i++ {
		if times[i] <= times[i-1] {
			return false
		}
	}
	return true
}

func pick[T any](all []T, order []int) []T {
	if all == nil {
		return nil
	}
	out := make([]T, len(order))
	for i, at := range order {
		out[i] = all[at]
	}
	return out
}

// walk is a chunkenc.Iterator over a series.
type walk struct {
	series *series
	at     int
}

func (w *walk) Next() chunkenc.ValueType {
	w.at++
	return w.kind()
}

func (w *walk) Seek(t millis) chunkenc.ValueType {
	w.at = max(w.at, 0)
	rest := w.series.times[min(w.at, len(w.series.times)):]
	if len(rest) > 0 && rest[0] < t {
		n, _ := slices.BinarySearch(rest, t)
		w.at += n
	}
	return w.kind()
}

func (w *walk) At() (int64, float64) { return w.series.times[w.at], w.series.values[w.at] }

// AtHistogram is not called: all histograms are of floats.
func (w *walk) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	return w.series.times[w.at], nil
}

func (w *walk) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	h := w.series.histograms[w.at]
	if into == nil {
		return w.series.times[w.at], h.Copy()
	}
	h.CopyTo(into)
	return w.series.times[w.at], into
}

func (w *walk) AtT() int64 { return w.series.times[w.at] }

func (w *walk) AtST() int64 {
	if w.series.starts == nil {
		return 0
	}
	return w.series.starts[w.at]
}

func (*walk) Err() error { return nil }

func (w *walk) kind() chunkenc.ValueType {
	switch {
	case w.at >= len(w.series.times):
		return chunkenc.ValNone
	case w.series.histograms != nil && w.series.histograms[w.at] != nil:
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}
