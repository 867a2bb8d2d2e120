package breaker

import "time"

// Config says when a breaker trips and for how long. A zero field means its default;
// a negative Failures or Success turns that reason to trip off.
type Config struct {
	// Failures in a row trip the breaker. Default 7.
	Failures int
	// Success is the share of requests within Window below which the breaker trips,
	// once there were MinRequests. Defaults 0.8, 10 s, 5.
	Success     float64
	Window      time.Duration
	MinRequests int
	// Base is the first back-off; each failed probe doubles it up to Max. Up to
	// Base·Jitter is added at random, never beyond Max. Defaults 1 s, 60 s, 0.5.
	Base, Max time.Duration
	Jitter    float64
}

func (c Config) withDefaults() Config {
	set(&c.Failures, 7)
	set(&c.Success, 0.8)
	set(&c.Window, 10*time.Second)
	set(&c.MinRequests, 5)
	set(&c.Base, time.Second)
	set(&c.Max, time.Minute)
	set(&c.Jitter, 0.5)
	c.Max = max(c.Max, c.Base)
	return c
}

func set[T int | float64 | time.Duration](field *T, to T) {
	if *field == 0 {
		*field = to
	}
}

// Deps is what a breaker uses of its surroundings. Every field may be nil.
type Deps struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Random returns a number in [0, 1) for the jitter; nil is math/rand's.
	Random func() float64
	// Allow is asked before the breaker trips from admitting; false keeps it
	// admitting, as when too few others would be left. Nil always allows.
	Allow func() bool
	// Changed is told of every change of state, in order. Like Allow it is called
	// with the breaker locked: it must be quick and not call the breaker.
	Changed func(Change)
}
