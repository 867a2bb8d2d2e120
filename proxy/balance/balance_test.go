package balance

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func near(got, want float64) bool { return got > want*0.98 && got < want*1.02 }

func TestScore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoad(time.Now())
		score := func(want float64, what string) {
			t.Helper()
			if got := l.Score(time.Now()); !near(got, want) {
				t.Errorf("%s: score %.4f, want %.4f", what, got, want)
			}
		}
		score(0.030, "nothing known")
		l.Begin()
		score(0.060, "one in flight")
		l.End()
		l.Observe(time.Now(), 200*time.Millisecond)
		score(0.200, "a peak replaces the average at once")
		l.Observe(time.Now(), time.Millisecond)
		score(0.200, "a fast answer at the same time changes nothing")
		time.Sleep(10 * time.Second)
		score(0.200*0.3679, "read after the decay time")
		l.Observe(time.Now(), 10*time.Millisecond)
		score(0.200*0.3679+0.010*0.6321, "a fast answer pulls the average down")
		time.Sleep(time.Hour)
		score(0.001, "the floor")
		l.Forget(time.Now())
		score(0.030, "forgotten")
	})
}

// TestWhatIsGivenUp: a caller that goes away early has seen no answer, so the place is
// no faster for it; one that waited longer than the average has seen how slow it is.
func TestWhatIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		took time.Duration
		want float64
	}{
		{"at once", 0, 0.040 * 0.6065},
		{"before the average", 20 * time.Millisecond, 0.040 * 0.6065},
		{"after it", 50 * time.Millisecond, 0.050},
		{"long after it", 3 * time.Second, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := NewLoad(time.Now())
				l.Observe(time.Now(), 40*time.Millisecond)
				time.Sleep(5 * time.Second)
				l.Abandon(time.Now(), tt.took)
				if got := l.Score(time.Now()); !near(got, tt.want) {
					t.Errorf("score %.4f, want %.4f", got, tt.want)
				}
			})
		})
	}
}

func TestFailuresArePenalised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad, once := NewLoad(time.Now()), NewLoad(time.Now()), NewLoad(time.Now())
		once.Penalise(time.Now(), time.Millisecond, 0)
		for range 50 {
			time.Sleep(10 * time.Millisecond)
			good.Observe(time.Now(), 5*time.Millisecond)
			bad.Penalise(time.Now(), time.Millisecond, 0)
			once.Observe(time.Now(), 5*time.Millisecond)
		}
		now := time.Now()
		if g, b := good.Score(now), bad.Score(now); b < 5*g {
			t.Errorf("half a second of fast failures scores %.4f, slower successes %.4f", b, g)
		}
		if g, o := good.Score(now), once.Score(now); o > 2*g {
			t.Errorf("one failure among successes scores %.4f against %.4f: the place would be left empty", o, g)
		}
	})
}

// TestAPlaceMayAskForAPause: what a 429 or 503 asked for weighs more than the 5 s.
func TestAPlaceMayAskForAPause(t *testing.T) {
	for _, tt := range []struct {
		took, asked time.Duration
		want        float64
	}{
		{time.Millisecond, 0, 5},
		{8 * time.Second, 0, 8},
		{time.Millisecond, 60 * time.Second, 60},
		{time.Millisecond, time.Hour, 300},
		{time.Millisecond, time.Second, 1},
		{2 * time.Second, time.Second, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := NewLoad(time.Now())
			for range 20 { // at a rate so low that the average is the last sample
				time.Sleep(time.Minute)
				l.Penalise(time.Now(), tt.took, tt.asked)
			}
			if got := l.Score(time.Now()); !near(got, tt.want) {
				t.Errorf("took %v, asked for %v: score %.3f s, want %v", tt.took, tt.asked, got, tt.want)
			}
		})
	}
}

func TestFailuresAtALowRateCountInFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoad(time.Now())
		for range 20 {
			time.Sleep(5 * time.Second)
			l.Penalise(time.Now(), time.Millisecond, 0)
		}
		if got := l.Score(time.Now()); !near(got, 5) {
			t.Errorf("score %.3f s, want the penalty of 5 s", got)
		}
	})
}

// shares lets b choose among loads many times.
func shares(b *Balancer, loads []*Load, rounds int) []int {
	counts := make([]int, len(loads))
	for range rounds {
		counts[b.Pick(time.Now(), loads)]++
	}
	return counts
}

func newLoads(n int) []*Load {
	out := make([]*Load, n)
	for i := range out {
		out[i] = NewLoad(time.Now())
	}
	return out
}

func TestMethodsUseEveryPlace(t *testing.T) {
	for _, m := range []Method{PeakEWMA, LeastRequest, RoundRobin, Random} {
		for _, n := range []int{1, 2, 5} {
			for i, got := range shares(New(m, Warmup{}), newLoads(n), 1000*n) {
				if got < 850 || got > 1150 {
					t.Errorf("method %d of %d places: %d got %d of %d", m, n, i, got, 1000*n)
				}
			}
		}
	}
}

func TestRoundRobinIsExact(t *testing.T) {
	for i, got := range shares(New(RoundRobin, Warmup{}), newLoads(4), 400) {
		if got != 100 {
			t.Errorf("place %d got %d of 400", i, got)
		}
	}
}

func TestTwoChoicesAvoidTheWorst(t *testing.T) {
	t.Run("slow", func(t *testing.T) {
		loads := newLoads(4)
		loads[2].Observe(time.Now(), time.Second)
		if got := shares(New(PeakEWMA, Warmup{}), loads, 1000); got[2] != 0 {
			t.Errorf("the slowest of four got %d requests", got[2])
		}
	})
	t.Run("busy", func(t *testing.T) {
		loads := newLoads(4)
		for range 10 {
			loads[1].Begin()
		}
		for _, m := range []Method{PeakEWMA, LeastRequest} {
			if got := shares(New(m, Warmup{}), loads, 1000); got[1] != 0 {
				t.Errorf("method %d: the busiest of four got %d requests", m, got[1])
			}
		}
	})
}

// TestOneSlowAnswerDoesNotEmptyAPlace: at a rate so low that hardly ever two requests are
// in flight, the peak rule alone would leave the place without requests for a minute.
func TestOneSlowAnswerDoesNotEmptyAPlace(t *testing.T) {
	for _, tt := range []struct {
		name        string
		began       func(*Load)
		least, most int // requests in 10 s at 100 a second
	}{
		{"slow once", func(l *Load) { l.Observe(time.Now(), 2*time.Second) }, 4, 10},
		{"failed", func(l *Load) { l.Penalise(time.Now(), time.Millisecond, 0); l.Observe(time.Now(), time.Second) }, 4, 10},
		{"hangs", func(l *Load) { l.Observe(time.Now(), time.Second); l.Begin() }, 0, 0},
		{"asked for a pause", func(l *Load) { l.Penalise(time.Now(), time.Minute, time.Minute) }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(PeakEWMA, Warmup{})
				good, slow := NewLoad(time.Now()), NewLoad(time.Now())
				time.Sleep(time.Minute)
				good.Observe(time.Now(), 3*time.Millisecond)
				tt.began(slow)
				picked := 0
				for range 1000 {
					time.Sleep(10 * time.Millisecond)
					loads := []*Load{good, slow}
					i := b.Pick(time.Now(), loads)
					picked += i
					// Still slower than the other, so that it does not win by itself.
					loads[i].Observe(time.Now(), time.Duration(3+1000*i)*time.Millisecond)
				}
				if picked < tt.least || picked > tt.most {
					t.Errorf("%d requests in 10 s, want %d to %d", picked, tt.least, tt.most)
				}
			})
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	b, loads := New(PeakEWMA, Warmup{}), newLoads(3)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				l := loads[b.Pick(time.Now(), loads)]
				l.Begin()
				l.Observe(time.Now(), time.Millisecond)
				l.End()
			}
		})
	}
	wg.Wait()
	for i, l := range loads {
		if l.InFlight() != 0 {
			t.Errorf("place %d has %d in flight at the end", i, l.InFlight())
		}
	}
}
