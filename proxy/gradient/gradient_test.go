package gradient

import (
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tell tells of n latencies, each beginning and ending right now.
func tell(g *Controller, n int, took time.Duration) {
	for range n {
		g.Observe(time.Now().Add(-took), took)
	}
}

// The limit follows limit × gradient + √, with a gradient between 1/2 and 2.
func TestLimitFollowsTheGradient(t *testing.T) {
	const window = 100 * time.Millisecond
	for _, tt := range []struct {
		name string
		from int // by so many windows of what is no load
		took time.Duration
		want func(limit float64) float64
	}{
		{"no queue", 4, 10 * time.Millisecond, func(l float64) float64 { return l*1.25 + math.Sqrt(l*1.25) }},
		{"fast beyond belief", 4, time.Millisecond, func(l float64) float64 { return l*2 + math.Sqrt(l*2) }},
		{"twice the latency", 8, 25 * time.Millisecond, func(l float64) float64 { return l/2 + math.Sqrt(l/2) }},
		{"no end", 8, 10 * time.Second, func(l float64) float64 { return l/2 + math.Sqrt(l/2) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(Config{Most: 100_000, Least: LeastLatency{Fixed: 10 * time.Millisecond}}, nil)
				if g.Limit() != 3 {
					t.Fatalf("begins with %d, want 3", g.Limit())
				}
				for range tt.from {
					time.Sleep(window)
					tell(g, few, 10*time.Millisecond)
				}
				was := float64(g.Limit())
				time.Sleep(max(window, tt.took))
				tell(g, few, tt.took)
				want := tt.want(was)
				if got := float64(g.Limit()); math.Abs(got-want) > want*0.04+1 {
					t.Errorf("%v after %v, want %.1f within what a histogram knows", got, was, want)
				}
			})
		})
	}
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Most: 50, Least: LeastLatency{Fixed: 10 * time.Millisecond, Concurrency: 4}}, nil)
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			tell(g, few, 10*time.Millisecond)
		}
		if g.Limit() != 50 {
			t.Errorf("grew to %d, want the most there is", g.Limit())
		}
		for range 30 {
			time.Sleep(time.Second)
			tell(g, few, time.Second)
		}
		if s := g.State(); s.Limit != 4 || s.Gradient != lowest || s.Measured != 0 {
			t.Errorf("under load %+v, want the least there is, and nothing measured where it is fixed", s)
		}
	})
}

// A window with too few latencies goes on, and one without any changes nothing.
func TestFewLatenciesAreNoSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{Least: LeastLatency{Fixed: 10 * time.Millisecond}}, nil)
		time.Sleep(time.Minute)
		tell(g, few-1, time.Millisecond)
		if g.Limit() != 3 {
			t.Errorf("%d after %d latencies", g.Limit(), few-1)
		}
		tell(g, 1, time.Millisecond)
		if g.Limit() != 8 { // 3·2+√6
			t.Errorf("%d after %d latencies, want 8", g.Limit(), few)
		}
		tell(g, 20, time.Millisecond)
		if g.Limit() != 8 {
			t.Errorf("%d within the next window", g.Limit())
		}
	})
}

func TestMeasuring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chance := 0.0
		g := New(Config{}, func() float64 { return chance })
		time.Sleep(20 * time.Millisecond)
		tell(g, 49, 20*time.Millisecond)
		if s := g.State(); !s.Measuring || s.Limit != 3 || s.MinRTT != 0 {
			t.Fatalf("after 49: %+v", s)
		}
		chance = 0.5 // of 15 % of 60 s
		tell(g, 1, 20*time.Millisecond)
		s := g.State()
		if s.Measuring || s.Limit != 3 || s.Measured != 1 || (s.MinRTT-20*time.Millisecond).Abs() > 600*time.Microsecond {
			t.Fatalf("after 50: %+v", s)
		}
		for range 60*10 + 44 { // until 64.4 s
			time.Sleep(100 * time.Millisecond)
			tell(g, few, 20*time.Millisecond)
		}
		if s := g.State(); s.Limit != 1000 || s.Measuring {
			t.Fatalf("shortly before it is due again: %+v", s)
		}
		time.Sleep(100 * time.Millisecond)
		tell(g, few, 20*time.Millisecond)
		if s := g.State(); s.Limit != 3 || !s.Measuring || s.MinRTT == 0 {
			t.Fatalf("when it is due again: %+v", s)
		}
		// What was under way then had a thousand others around it.
		tell(g, 500, 10*time.Second)
		if s := g.State(); !s.Measuring {
			t.Fatalf("after what began before: %+v", s)
		}
		time.Sleep(time.Second)
		tell(g, 50, 40*time.Millisecond)
		s = g.State()
		if s.Measuring || s.Limit != 1000 || s.Measured != 2 || (s.MinRTT-40*time.Millisecond).Abs() > 1200*time.Microsecond {
			t.Errorf("measured again: %+v", s)
		}
	})
}

// An app that has become slower for good is found out before the next measurement
// would be due.
func TestAtTheLowestLimitIsMeasuredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{}, nil)
		time.Sleep(10 * time.Millisecond)
		tell(g, 50, 10*time.Millisecond)
		windows := 0
		for ; !g.State().Measuring; windows++ {
			if windows > 20 {
				t.Fatalf("not measured again: %+v", g.State())
			}
			time.Sleep(200 * time.Millisecond)
			tell(g, few, 100*time.Millisecond)
		}
		if windows != stuck+1 {
			t.Errorf("measured again after %d windows, want %d", windows, stuck+1)
		}
		time.Sleep(200 * time.Millisecond)
		tell(g, 50, 100*time.Millisecond)
		for range 10 {
			time.Sleep(200 * time.Millisecond)
			tell(g, few, 100*time.Millisecond)
		}
		if g.Limit() < 20 {
			t.Errorf("the limit stays at %d", g.Limit())
		}
	})
}

// A measurement that gets no sample ends all the same, and the limit is what it was
// before; where nothing is known yet, that is the most. With a small sample it has to do.
func TestMeasuringIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name     string
		first    int // latencies of 20 ms that the first measurement gets
		second   int // of 40 ms that the next one gets
		before   int // the limit between the two
		after    int
		least    time.Duration
		measured uint64
	}{
		{"never a latency", 0, 0, 1000, 1000, 0, 0},
		{"too few for a sample", few - 1, 0, 1000, 1000, 0, 0},
		{"a small sample", few, 0, 1000, 1000, 20 * time.Millisecond, 1},
		{"none the next time", 50, 0, 1000, 1000, 20 * time.Millisecond, 1},
		{"a small sample the next time", 50, few, 1000, 1000, 40 * time.Millisecond, 2},
		{"one the next time only", 0, 50, 1000, 1000, 40 * time.Millisecond, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := New(Config{}, func() float64 { return 0 })
			time.Sleep(patience - time.Nanosecond)
			tell(g, tt.first, 20*time.Millisecond)
			if s := g.State(); s.Limit != 3 || s.Measuring != (tt.first < 50) {
				t.Errorf("%s: shortly before the time is over: %+v", tt.name, s)
			}
			time.Sleep(time.Nanosecond)
			if g.Limit() == 3 == (tt.first < few) || g.State().Measuring {
				t.Errorf("%s: after its time: %+v", tt.name, g.State())
			}
			for !g.State().Measuring {
				if g.Limit() == tt.before && time.Since(g.start) > 80*time.Second {
					t.Fatalf("%s: not measured again: %+v", tt.name, g.State())
				}
				time.Sleep(100 * time.Millisecond)
				was := g.Limit()
				tell(g, few, 20*time.Millisecond)
				if s := g.State(); s.Measuring && was != tt.before {
					t.Errorf("%s: the limit was %d, want %d", tt.name, was, tt.before)
				}
			}
			time.Sleep(patience / 2)
			tell(g, tt.second, 40*time.Millisecond)
			time.Sleep(patience / 2)
			s := g.State()
			if s.Limit != tt.after || s.Measuring || s.Measured != tt.measured || (s.MinRTT-tt.least).Abs() > tt.least*3/100 {
				t.Errorf("%s: after the next one: %+v", tt.name, s)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	err := Config{
		Percentile: 95, Most: 2, Window: -1,
		Least: LeastLatency{Fixed: -1, Interval: -1, Requests: -1, Jitter: 15, Buffer: 25},
	}.Validate()
	for _, want := range []string{
		"percentile: 95", "most: 2 is below", "window: -1ns", "least.fixed: -1ns", "least.interval: -1ns",
		"least.requests: -1", "least.jitter: 15", "least.buffer: 25",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	g := New(Config{Window: time.Nanosecond, Least: LeastLatency{Fixed: time.Millisecond}}, nil)
	began := time.Now()
	if n := testing.AllocsPerRun(1000, func() { g.Limit(); g.Observe(began, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	g := New(Config{Window: 50 * time.Microsecond, Least: LeastLatency{Interval: 5 * time.Millisecond}}, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5000 {
				g.Observe(time.Now(), time.Microsecond)
				if n := g.Limit(); n < 3 || n > 1000 {
					t.Errorf("limit %d", n)
				}
			}
		})
	}
	all.Wait()
	if g.State().Measured == 0 {
		t.Error("minRTT was never measured")
	}
}

func BenchmarkObserve(b *testing.B) {
	g := New(Config{}, nil)
	began := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			g.Observe(began, 3*time.Millisecond)
		}
	})
}
