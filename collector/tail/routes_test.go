package tail

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPercentileIsNear(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"spread evenly": func() float64 { return 1e6 * (1 + r.Float64()) },
		"long tail":     func() float64 { return 1e6 * math.Exp(r.NormFloat64()) },
		"two modes":     func() float64 { return 1e6 * (1 + 99*math.Floor(r.Float64()*1.05)) },
		"minutes":       func() float64 { return 6e10 * (1 + r.Float64()) },
	} {
		routes, all := newRoutes(), []float64{}
		slow := 0
		const n = 50_000
		for i := range n {
			v := draw()
			if routes.observe(1, int64(v), int64(i/10_000)) && i >= n/2 {
				slow++
			}
			all = append(all, v)
		}
		slices.Sort(all)
		want := all[len(all)*99/100]
		if got := float64(routes.all[1].p99); math.Abs(got/want-1) > 0.08 {
			t.Errorf("%s: p99 %v, want %v", name, got, want)
		}
		if share := float64(slow) / (n / 2); share > 0.02 {
			t.Errorf("%s: %v are slow", name, share)
		}
	}
}

func TestNoPercentileOfFew(t *testing.T) {
	r := newRoutes()
	for range enough - 1 {
		if r.observe(1, 1000, 0) {
			t.Fatal("slow")
		}
	}
	if r.observe(1, math.MaxInt64, 0) {
		t.Error("slow, and nobody can know")
	}
}

func TestPercentileFollows(t *testing.T) {
	r := newRoutes()
	second := int64(0)
	run := func(ns int64, seconds int) (slow int) {
		for range seconds {
			for range 10 {
				if r.observe(1, ns, second) {
					slow++
				}
			}
			second++
		}
		return slow
	}
	run(1e6, 600)
	if slow := run(2e6, 600); slow == 0 || slow > 150 {
		t.Errorf("%d of 6000 were slow after all became slower; want about a hundredth", slow)
	}
	run(1e6, 6000)
	if got := r.all[1].p99; got > 1_100_000 {
		t.Errorf("p99 %d ns long after all became fast again", got)
	}
}

func TestRoutesAreBounded(t *testing.T) {
	r := newRoutes()
	for n := range uint64(2 * maxRoutes) {
		r.observe(n, 1000, 0)
	}
	if len(r.all) != maxRoutes {
		t.Errorf("%d routes", len(r.all))
	}
	r.observe(1<<40, 1000, 2*halfLife)
	if len(r.all) > 1 {
		t.Errorf("%d routes, though none is in use", len(r.all))
	}
}

func TestBuckets(t *testing.T) {
	for _, ns := range []int64{-1, 0, 1, 1023, 1024, 1e6, 123_456_789, math.MaxInt64} {
		b := bucketOf(ns)
		v := math.Max(float64(ns), 1024)
		if lowerBound(b) > v || lowerBound(b+1) < v {
			t.Errorf("%d ns is in bucket %d, from %v to %v", ns, b, lowerBound(b), lowerBound(b+1))
		}
	}
}
