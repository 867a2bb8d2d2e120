package balance

import (
	"math"
	"time"
)

// Warmup gives a new place its share of the requests step by step: at first Minimum
// of it, all after Duration, and more early on the greater Aggression is above 1. The
// zero value is no warm-up.
//
// The share is exact for RoundRobin and Random. PeakEWMA and LeastRequest favour a
// place that has little to do, and so may give it up to twice as much.
type Warmup struct {
	Duration   time.Duration
	Minimum    float64 // of the share, 0 to 1
	Aggression float64 // above 0; 1 is a straight line
}

// Share is what a place of this age may have of its share; age 0 or less is one that
// is just there.
func (w Warmup) Share(age time.Duration) float64 {
	if age >= w.Duration {
		return 1
	}
	part := float64(max(age, time.Millisecond)) / float64(w.Duration)
	if w.Aggression != 1 {
		part = math.Pow(part, 1/w.Aggression)
	}
	return max(part, w.Minimum)
}
