package tail

import (
	"errors"
	"fmt"
	"time"
)

// Config says what is kept.
type Config struct {
	// Dir holds the evidence that outlives the process. Empty keeps it in memory alone.
	Dir string
	// Budget is how many ordinary traces a second are kept. Required.
	Budget float64
	// Traces is how many are remembered, at a hundred bytes or so; beyond it the oldest
	// ordinary ones are decided early. Default 500,000.
	Traces int
	// Remember is how long a trace is remembered after it was judged first, for spans that
	// are late. Default five minutes.
	Remember time.Duration
}

const (
	minTraces = 1000
	minBudget = 0.1 // below which the share is nothing that could be corrected by
)

// Validate reports every field that cannot be used.
func (c Config) Validate() error {
	c = c.withDefaults()
	var bad []error
	if !(c.Budget >= minBudget) { // NaN is none either
		bad = append(bad, fmt.Errorf("budget: %v, want %v traces a second at least", c.Budget, minBudget))
	}
	if c.Traces < minTraces {
		bad = append(bad, fmt.Errorf("traces: %d, want %d at least", c.Traces, minTraces))
	}
	if c.Remember < time.Second {
		bad = append(bad, fmt.Errorf("remember: %s, want a second at least", c.Remember))
	}
	return errors.Join(bad...)
}

func (c Config) withDefaults() Config {
	if c.Traces == 0 {
		c.Traces = 500_000
	}
	if c.Remember == 0 {
		c.Remember = 5 * time.Minute
	}
	return c
}
