package breaker

import "time"

// State is what a breaker does with requests.
type State uint8

// The states of a breaker.
const (
	Admitting State = iota // everything passes
	Tripped                // nothing passes
	Probing                // one request is out to see
)

// String is the state as people read it.
func (s State) String() string {
	switch s {
	case Admitting:
		return "admitting"
	case Tripped:
		return "tripped"
	}
	return "probing"
}

// Change is a step from one state to another.
type Change struct {
	From, To State
	At       time.Time
	Reason   string    // one phrase with numbers: "7 consecutive failures"
	Until    time.Time // end of the back-off when To is Tripped
}

// Status is what a breaker does and why.
type Status struct {
	State  State
	Since  time.Time
	Reason string    // of the latest change; empty if there was none
	Until  time.Time // end of the back-off when tripped
}

// Result is what an admitted request came to.
type Result uint8

// The results of a request.
const (
	Success Result = iota
	Failure
	// Limited counts against the share of successes and fails a probe but is no
	// consecutive failure: the peer lives, it only asks for less.
	Limited
	// Dropped says nothing of the peer: the request was given up by its sender.
	Dropped
)
