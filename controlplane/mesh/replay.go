package mesh

import "time"

// Replay is what a change of configuration would have done to requests that were
// recorded. Each request is counted once for each sidecar that recorded it.
type Replay struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`

	Requests   int `json:"requests"`   // looked at: the sum of the four below
	Unaffected int `json:"unaffected"` // nothing that the change touches has to do with them
	Same       int `json:"same"`       // the change decides them as before
	CannotTell int `json:"cannotTell"` // they turn on what is not recorded
	Changed    int `json:"changed"`

	Changes []ReplayChange `json:"changes"` // the most frequent first
	// NotRecorded is what rules ask for and no record has: "header x-user".
	NotRecorded []string `json:"notRecorded,omitempty"`
	// Partial says why this is not all; empty if it is.
	Partial string `json:"partial,omitempty"`
}

// ReplayChange is what would be otherwise for some requests that are alike.
type ReplayChange struct {
	What     ReplayOutcome `json:"what"`
	Caller   ServiceName   `json:"caller"`
	Service  ServiceName   `json:"service"` // that was asked for
	Route    string        `json:"route"`   // that takes them now; empty inbound
	Was      string        `json:"was"`
	Becomes  string        `json:"becomes"`
	Requests int           `json:"requests"`
	Traces   []string      `json:"traces,omitempty"` // of some, as examples; at most 3
}

// ReplayOutcome is a sort of difference.
type ReplayOutcome string

// The differences.
const (
	ReplayRouted   ReplayOutcome = "routed"    // to other destinations, or at all
	ReplayRefused  ReplayOutcome = "refused"   // by a policy, for want of a route or of an instance, or by an answer of the route's own
	ReplayAllowed  ReplayOutcome = "allowed"   // that a policy denied
	ReplayTimedOut ReplayOutcome = "timed out" // they took longer than the new timeout
	ReplayWaited   ReplayOutcome = "waited"    // they timed out, and would have had longer
	ReplayRetried  ReplayOutcome = "retried"   // tried again where they were not, or not where they were
)
