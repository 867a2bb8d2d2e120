// Package latency keeps durations in few numbers, so that any of their percentiles can
// be told within 3 %: a histogram whose buckets grow with what they hold.
package latency

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// fine is how many buckets there are between a power of two and the next.
	fine     = 1 << fineBits
	fineBits = 5
	// octaves reach from 1 µs to 18 h; what is longer counts as that.
	octaves = 32
	buckets = octaves * fine
)

// Histogram counts durations in steps of a microsecond and 3 %. Its methods may be
// called from any goroutine, and none waits for another.
type Histogram struct {
	count atomic.Int64
	of    [buckets]atomic.Uint32
}

// Add counts one.
func (h *Histogram) Add(d time.Duration) {
	h.of[bucketOf(d)].Add(1)
	h.count.Add(1)
}

// Count is how many there are.
func (h *Histogram) Count() int { return int(h.count.Load()) }

// Percentile is the duration that a share of [0, 1] of them stay within; 0 when there
// are none.
func (h *Histogram) Percentile(share float64) time.Duration {
	var counts [buckets]uint32
	total := uint64(0)
	for i := range h.of {
		counts[i] = h.of[i].Load()
		total += uint64(counts[i])
	}
	return percentile(&counts, total, share)
}

// Take is Percentile, and empties the histogram. What is added meanwhile is in this
// histogram or in the next, never in none.
func (h *Histogram) Take(share float64) (p time.Duration, count int) {
	var counts [buckets]uint32
	total := uint64(0)
	for i := range h.of {
		if h.of[i].Load() != 0 {
			counts[i] = h.of[i].Swap(0)
			total += uint64(counts[i])
		}
	}
	h.count.Add(-int64(total))
	return percentile(&counts, total, share), int(total)
}

func percentile(counts *[buckets]uint32, total uint64, share float64) time.Duration {
	if total == 0 {
		return 0
	}
	rank := max(uint64(share*float64(total)+0.5), 1)
	for i, n := range counts {
		if rank <= uint64(n) {
			return middleOf(i)
		}
		rank -= uint64(n)
	}
	return middleOf(buckets - 1)
}

// bucketOf is the place of a duration: one for each microsecond below fine, and then
// fine to each power of two.
func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0)) / uint64(time.Microsecond)
	if us < fine {
		return int(us)
	}
	octave := bits.Len64(us) - fineBits - 1
	return min((octave+1)*fine+int(us>>octave)-fine, buckets-1)
}

// middleOf is what the durations of a bucket are taken for.
func middleOf(i int) time.Duration {
	if i < fine {
		return time.Duration(i)*time.Microsecond + time.Microsecond/2
	}
	octave := i/fine - 1
	low := uint64(fine+i%fine) << octave
	return time.Duration(low)*time.Microsecond + (time.Microsecond<<octave)/2
}
