package balance

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestWarmupShare(t *testing.T) {
	line := Warmup{Duration: 100 * time.Second, Minimum: 0.1, Aggression: 1}
	steep := Warmup{Duration: 100 * time.Second, Minimum: 0.1, Aggression: 2}
	for _, tt := range []struct {
		w    Warmup
		age  time.Duration
		want float64
	}{
		{line, 0, 0.1},
		{line, 5 * time.Second, 0.1},
		{line, 50 * time.Second, 0.5},
		{line, 99 * time.Second, 0.99},
		{line, 100 * time.Second, 1},
		{line, always, 1},
		{line, -time.Second, 0.1}, // a clock that was put back
		{steep, 25 * time.Second, 0.5},
		{steep, 64 * time.Second, 0.8},
		{Warmup{Duration: time.Second, Aggression: 1}, 0, 0.001},
		{Warmup{}, 0, 1},
	} {
		if got := tt.w.Share(tt.age); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%+v after %v: %v, want %v", tt.w, tt.age, got, tt.want)
		}
	}
}

func TestNewPlaceWarmsUp(t *testing.T) {
	w := Warmup{Duration: 100 * time.Second, Minimum: 0.1, Aggression: 1}
	for _, m := range []Method{RoundRobin, Random, PeakEWMA, LeastRequest} {
		synctest.Test(t, func(t *testing.T) {
			b, loads := New(m, w), newLoads(4)
			loads[3].Warm(time.Now())
			for _, wait := range []time.Duration{0, 50 * time.Second, 50 * time.Second} {
				time.Sleep(wait)
				age, _ := loads[3].Age(time.Now())
				share := w.Share(age)
				want := share / (3 + share)
				const n = 20000
				got := float64(shares(b, loads, n)[3]) / n
				// The two that compare draw twice, and prefer the new one if it is the lighter.
				if most := want*2.2 + 0.005; got < want-0.02 || got > most || (m == Random || m == RoundRobin) && math.Abs(got-want) > 0.02 {
					t.Errorf("method %d at %v: %.3f of the requests, want %.3f", m, age, got, want)
				}
			}
		})
	}
}

func TestAllNewIsEven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, loads := New(Random, Warmup{Duration: time.Minute, Minimum: 0.01, Aggression: 1}), newLoads(4)
		for _, l := range loads {
			l.Warm(time.Now())
		}
		for i, got := range shares(b, loads, 4000) {
			if got < 800 || got > 1200 {
				t.Errorf("place %d got %d of 4000", i, got)
			}
		}
	})
}
