package promql

import (
	"math"
	"sort"
	"strconv"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// bounds are the upper bounds of Istio's duration buckets in milliseconds.
func bounds() []float64 {
	return []float64{
		0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
		300_000, 600_000, 1_800_000, 3_600_000, math.Inf(1),
	}
}

// graphBounds are those of Tempo's service graph, and spanBounds those of its span
// metrics, in milliseconds.
func graphBounds() []float64 { return doubling(100, 8) }

func spanBounds() []float64 { return doubling(2, 14) }

func doubling(first float64, n int) []float64 {
	out := make([]float64, 0, n+1)
	for range n {
		out = append(out, first)
		first *= 2
	}
	return append(out, math.Inf(1))
}

// bound is one upper bound in milliseconds and its label.
type bound struct {
	le   string
	upTo float64
	at   float64 // on the scale of exponential buckets
}

// buckets are the metric's bounds whose label the filter lets through.
func (m *metric) buckets(keep func(le string) bool) []bound {
	var out []bound
	for _, b := range m.bounds {
		le := strconv.FormatFloat(b/m.unit, 'f', -1, 64)
		if math.IsInf(b, 1) {
			le = "+Inf"
		}
		if keep(le) {
			out = append(out, bound{le, b, math.Log2(b) * (1 << signal.DurationScale)})
		}
	}
	return out
}

// spread adds values in exponential buckets to what is counted between one bound and the
// next. A bucket that a bound divides is taken to be filled evenly on its logarithmic
// scale; buckets are 9 % wide, so that is the greatest error, and of that one bucket only.
// No bucket is divided by two bounds: they lie farther apart.
func spread(buckets map[int16]uint64, bounds []bound, into []float64) {
	for i, count := range buckets {
		at := sort.Search(len(bounds), func(b int) bool { return bounds[b].at > float64(i) })
		if at == len(bounds) {
			continue
		}
		share := min(bounds[at].at-float64(i), 1)
		into[at] += share * float64(count)
		if at+1 < len(bounds) {
			into[at+1] += (1 - share) * float64(count)
		}
	}
}
