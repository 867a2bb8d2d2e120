// Package remedy closes the loop: from observations of targets that fail more than
// usual it decides which of them to keep traffic away from, and when to let go.
//
// A verdict is tripped (no traffic), then probing (a small share, to see), then
// released, or tripped again for a little longer. It is on a version when that
// version fails and a sibling version is fine, on an instance when a sibling instance
// of the same version is. There is always somewhere for the traffic to go: without
// evidence that a sibling is fine nothing is tripped, nor is more than a share of a
// service's instances. What it sees but may not act on becomes an event.
//
// Deciding is pure (Decide); Remedy is the loop around it that keeps the state, the
// clock and the journal. A verdict carries the time at which sidecars let go by
// themselves, so that none outlives its control plane for long.
package remedy
