package outlier

import "time"

// Config is when members are taken out and for how long. A zero count turns its reason
// off; the other zero fields mean their defaults, which are Envoy's.
type Config struct {
	// Errors of any sort in a row. Gateway counts only those that a gateway makes, and
	// any other result ends the row. Local counts failures to get an answer at all, and
	// only with Split; without, such a failure is an error and a gateway's.
	Errors, Gateway, Local int
	Split                  bool
	// Interval passes between two sweeps. Default 10 s.
	Interval time.Duration
	// Base, times the times a member was taken out of late, is its rest, at most Max.
	// Each sweep that finds a member in takes one of the times off. Defaults 30 s, and
	// 300 s or Base if that is more.
	Base, Max time.Duration
	// MaxPercent of the members may be out at once; one may in any case. Default 10.
	MaxPercent int
}

func (c Config) withDefaults() Config {
	if c.Interval <= 0 {
		c.Interval = 10 * time.Second
	}
	if c.Base <= 0 {
		c.Base = 30 * time.Second
	}
	if c.Max <= 0 {
		c.Max = 300 * time.Second
	}
	c.Max = max(c.Max, c.Base)
	if c.MaxPercent <= 0 {
		c.MaxPercent = 10
	}
	c.MaxPercent = min(c.MaxPercent, 100)
	return c
}

// Result is what a request to a member came to.
type Result uint8

// The results of a request. One that says nothing of the member, such as a limit of the
// sender's own, is not reported at all.
const (
	Success Result = iota
	Error          // the member answered with an error
	Gateway        // with one that a gateway makes: 502, 503, 504
	NoConnection
	NoAnswer // a reset or a timeout: there was a connection
)

func (r Result) local() bool { return r == NoConnection || r == NoAnswer }
