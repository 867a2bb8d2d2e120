package drive

import (
	"math"
	"slices"
	"time"
)

// Latency is the distribution of how long answers took, from every sample.
type Latency struct {
	P50, P90, P99, P999, Max time.Duration
}

// summarize sorts the samples.
func summarize(samples []time.Duration) Latency {
	if len(samples) == 0 {
		return Latency{}
	}
	slices.Sort(samples)
	return Latency{
		P50: quantile(samples, 0.5), P90: quantile(samples, 0.9),
		P99: quantile(samples, 0.99), P999: quantile(samples, 0.999),
		Max: samples[len(samples)-1],
	}
}

// quantile is the smallest sample that a share q of all is not above.
func quantile(sorted []time.Duration, q float64) time.Duration {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(i, 0)]
}
