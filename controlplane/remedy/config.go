package remedy

import (
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Mode is how far remedy goes for a service.
type Mode string

// The modes.
const (
	Act     Mode = "act"     // trip, probe, release
	Observe Mode = "observe" // say what it would do
	Off     Mode = "off"     // pass over
)

// Config is what remedy may do and how sure it must be.
type Config struct {
	Mode     Mode                      // for services not named below; Act by default
	Services map[mesh.ServiceName]Mode // by service

	// An observation is evidence from this volume on: 10 requests, 5 of them failed.
	MinRequests, MinFailed uint64
	// Needed of the last Windows looks must have seen the anomaly: 2 of 3.
	Needed, Windows int
	// FineShare is the failed share up to which a sibling is fine: 0.05.
	FineShare float64

	Capacity    float64 // share of a service's ready instances that may be tripped: 0.5
	MaxVerdicts int     // of remedy's own at once, in the whole mesh: 5

	// Rest is how long a target gets nothing before it is probed: 3 s. It grows by a
	// third with each failed probe up to MaxRest: 5 s. Both are short, so that an end
	// of the trouble is seen soon.
	Rest, MaxRest time.Duration
	// Probe are the shares of the usual traffic that probing lets through, one after
	// the other: a first good request, or Patience without any, leads to the next.
	Probe    []float64     // 0.1, 0.4
	Patience time.Duration // 2.5 s
	Good     uint64        // requests that must succeed, and none fail, to be released: 5

	Cooldown time.Duration // after a release, before the target may be tripped again: 2 s
	// ManualCooldown is the same after a person's release: 60 s.
	ManualCooldown time.Duration
	// Lease is how long sidecars keep a verdict that is not renewed: 60 s.
	Lease time.Duration
}

// Default is the configuration in force when nobody says otherwise.
func Default() Config {
	return Config{
		Mode: Act, MinRequests: 10, MinFailed: 5, Needed: 2, Windows: 3, FineShare: 0.05,
		Capacity: 0.5, MaxVerdicts: 5, Rest: 3 * time.Second, MaxRest: 5 * time.Second,
		Probe: []float64{0.1, 0.4}, Patience: 2500 * time.Millisecond, Good: 5,
		Cooldown: 2 * time.Second, ManualCooldown: time.Minute, Lease: time.Minute,
	}
}

// Validate names every setting that makes no sense.
func (c Config) Validate() error {
	var bad []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, args...))
		}
	}
	check(valid(c.Mode), "mode: %q is not act, observe or off", c.Mode)
	for s, m := range c.Services {
		check(valid(m), "services[%s]: %q is not act, observe or off", s, m)
	}
	check(c.Windows >= 1 && c.Windows <= 64, "windows: %d is not between 1 and 64", c.Windows)
	check(c.Needed >= 1 && c.Needed <= c.Windows, "needed: %d is not between 1 and windows", c.Needed)
	check(c.Capacity > 0 && c.Capacity <= 1, "capacity: %v is not a share above 0", c.Capacity)
	check(c.Rest > 0 && c.MaxRest >= c.Rest, "rest: want 0 < rest (%s) <= max rest (%s)", c.Rest, c.MaxRest)
	check(len(c.Probe) > 0, "probe: want at least one share")
	for i, p := range c.Probe {
		check(p > 0 && p <= 1, "probe[%d]: %v is not a share above 0", i, p)
	}
	check(c.Good > 0, "good: want at least one request")
	check(c.Lease >= 10*time.Second, "lease: %s is shorter than 10s", c.Lease)
	return errors.Join(bad...)
}

func valid(m Mode) bool { return m == Act || m == Observe || m == Off }

func (c Config) mode(s mesh.ServiceName) Mode {
	if m, ok := c.Services[s]; ok {
		return m
	}
	return c.Mode
}

// rest is how long a target with that many failed probes in a row gets nothing.
func (c Config) rest(failures int) time.Duration {
	d := c.Rest
	for range failures {
		if d += d / 3; d >= c.MaxRest {
			return c.MaxRest
		}
	}
	return d
}
