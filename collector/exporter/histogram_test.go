package exporter

import (
	"math"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// observe fills a point with values at a scale, as the data model defines buckets.
func observe(p pmetric.ExponentialHistogramDataPoint, scale int32, values []float64) {
	counts := map[int]uint64{}
	lowest, highest := math.MaxInt, math.MinInt
	var sum float64
	for _, v := range values {
		i := int(math.Ceil(math.Log2(v)*math.Exp2(float64(scale)))) - 1
		counts[i]++
		lowest, highest = min(lowest, i), max(highest, i)
		sum += v
	}
	p.SetScale(scale)
	p.SetCount(uint64(len(values)))
	p.SetSum(sum)
	p.Positive().SetOffset(int32(lowest))
	for i := lowest; i <= highest; i++ {
		p.Positive().BucketCounts().Append(counts[i])
	}
}

func TestRescale(t *testing.T) {
	for _, scale := range []int32{0, 1, 2, 3, 4, 8, 12, 20} {
		for _, v := range []float64{0.003, 0.9, 1, 1.5, 37, 1000, 123456} {
			p := pmetric.NewExponentialHistogramDataPoint()
			observe(p, scale, []float64{v})
			got := rescale(int64(p.Positive().Offset()), scale)
			want := signal.BucketOf(v)
			if scale >= signal.DurationScale {
				if got != want {
					t.Errorf("%v at scale %d: bucket %d, want %d", v, scale, got, want)
				}
				continue
			}
			// A coarser bucket is a factor of 2^(1/2^scale) wide; its middle is half of that away.
			if off, most := math.Abs(float64(got-want)), math.Exp2(float64(signal.DurationScale-scale)); off > most {
				t.Errorf("%v at scale %d: bucket %d is %v from %d, more than %v", v, scale, got, off, want, most)
			}
		}
	}
}
