package latency

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestPercentiles(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() time.Duration{
		"even":   func() time.Duration { return time.Duration(rnd.Int64N(int64(time.Second))) },
		"skewed": func() time.Duration { return time.Duration(rnd.ExpFloat64() * float64(3*time.Millisecond)) },
		"one":    func() time.Duration { return 250 * time.Millisecond },
		"long":   func() time.Duration { return time.Hour + time.Duration(rnd.Int64N(int64(time.Hour))) },
	} {
		var h Histogram
		var all []time.Duration
		for range 10_000 {
			d := draw()
			h.Add(d)
			all = append(all, d)
		}
		slices.Sort(all)
		for _, share := range []float64{0.01, 0.5, 0.9, 0.95, 0.99} {
			want := all[int(share*float64(len(all)))-1]
			if got := h.Percentile(share); (got - want).Abs() > want*3/100+time.Microsecond {
				t.Errorf("%s: p%v is %v, want %v within 3 %%", name, 100*share, got, want)
			}
		}
	}
}

func TestEdges(t *testing.T) {
	var h Histogram
	if p, n := h.Take(0.5); p != 0 || n != 0 {
		t.Errorf("of none: %v of %d", p, n)
	}
	h.Add(-time.Second)
	if p := h.Percentile(0.5); p > time.Microsecond {
		t.Errorf("of one below 0: %v", p)
	}
	h.Add(1 << 62)
	if p, n := h.Take(1); p < 18*time.Hour || n != 2 {
		t.Errorf("of a very long one: %v of %d", p, n)
	}
	if h.Count() != 0 || h.Percentile(1) != 0 {
		t.Errorf("%d are left after Take", h.Count())
	}
	last := -1
	for us := range 1 << 20 {
		b := bucketOf(time.Duration(us) * time.Microsecond)
		if b != last && b != last+1 {
			t.Fatalf("%d µs go to bucket %d, which does not follow %d", us, b, last)
		}
		last = b
	}
}

func TestNoneIsLostBetweenTwoTakes(t *testing.T) {
	var h Histogram
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for i := range 5000 {
				h.Add(time.Duration(i) * time.Microsecond)
			}
		})
	}
	total := 0
	for range 100 {
		_, n := h.Take(0.5)
		total += n
	}
	adding.Wait()
	_, n := h.Take(0.5)
	if total += n; total != 20_000 || h.Count() != 0 {
		t.Errorf("%d were taken of 20000, %d are left", total, h.Count())
	}
}

func TestNoAllocations(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Add(time.Millisecond); h.Take(0.5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
