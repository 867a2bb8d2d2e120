package gradient

import (
	"errors"
	"fmt"
	"time"
)

// Config is how a limit is found; a field that is 0 has the default, which is Envoy's
// where Envoy has one.
type Config struct {
	// Percentile of the latencies is what is compared, in [0, 1]: 0.5.
	Percentile float64
	// Most is the highest limit: 1000.
	Most int
	// Window is the least time between two changes of the limit: 100 ms.
	Window time.Duration
	Least  LeastLatency
}

// LeastLatency is how the latency without queueing, minRTT, is measured.
type LeastLatency struct {
	// Fixed is the latency itself; nothing is measured then.
	Fixed time.Duration
	// Interval is the time between two measurements: 60 s.
	Interval time.Duration
	// Requests is how many are measured: 50.
	Requests int
	// Concurrency is the limit meanwhile, and the lowest at any time: 3.
	Concurrency int
	// Jitter is a share of Interval. Up to as much is added, so that not all instances
	// of a service measure at once: 0.15.
	Jitter float64
	// Buffer is a share of the least latency. As much is taken for chance: 0.25.
	Buffer float64
}

// Default is the configuration without one.
func Default() Config {
	return Config{
		Percentile: 0.5, Most: 1000, Window: 100 * time.Millisecond,
		Least: LeastLatency{Interval: time.Minute, Requests: 50, Concurrency: 3, Jitter: 0.15, Buffer: 0.25},
	}
}

// Validate says what is wrong with it, all at once.
func (c Config) Validate() error {
	c = c.filled()
	var bad []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, args...))
		}
	}
	want(c.Percentile > 0 && c.Percentile <= 1, "percentile: %v is not a share between 0 and 1", c.Percentile)
	want(c.Window > 0, "window: %v is not a time above 0", c.Window)
	want(c.Least.Concurrency > 0, "least.concurrency: %d is not above 0", c.Least.Concurrency)
	want(c.Most >= c.Least.Concurrency, "most: %d is below the concurrency of %d at which the least latency is measured", c.Most, c.Least.Concurrency)
	want(c.Least.Fixed >= 0, "least.fixed: %v is below 0", c.Least.Fixed)
	want(c.Least.Interval > 0, "least.interval: %v is not a time above 0", c.Least.Interval)
	want(c.Least.Requests > 0, "least.requests: %d is not above 0", c.Least.Requests)
	want(c.Least.Jitter > 0 && c.Least.Jitter <= 1, "least.jitter: %v is not a share between 0 and 1", c.Least.Jitter)
	want(c.Least.Buffer > 0 && c.Least.Buffer <= 10, "least.buffer: %v is not a share between 0 and 10", c.Least.Buffer)
	return errors.Join(bad...)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (c Config) filled() Config {
	d := Default()
	return Config{
		Percentile: or(c.Percentile, d.Percentile), Most: or(c.Most, d.Most), Window: or(c.Window, d.Window),
		Least: LeastLatency{
			Fixed: c.Least.Fixed, Interval: or(c.Least.Interval, d.Least.Interval), Requests: or(c.Least.Requests, d.Least.Requests),
			Concurrency: or(c.Least.Concurrency, d.Least.Concurrency), Jitter: or(c.Least.Jitter, d.Least.Jitter),
			Buffer: or(c.Least.Buffer, d.Least.Buffer),
		},
	}
}
