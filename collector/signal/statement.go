package signal

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// StatementHeader is the HTTP header in which a sidecar says, with each request to the
// collector, what it has made so far: a Statement in JSON.
const StatementHeader = "Sightline-Statement"

// Statement is what a sidecar's process says of its telemetry since it started. The
// request that carries it is among what is made and not yet answered for.
type Statement struct {
	Process  string          `json:"process"` // another for each start
	Instance string          `json:"instance"`
	Signals  map[string]Told `json:"signals"` // by Pipeline.Signal
}

// Told is a Statement's account of one signal: what is neither acknowledged nor dropped
// is still to be sent.
type Told struct {
	Made         uint64            `json:"made"`
	Acknowledged uint64            `json:"acknowledged"` // the collector has answered for
	Dropped      map[string]uint64 `json:"dropped,omitempty"`
}

// Lost is all of Dropped.
func (t Told) Lost() uint64 {
	var sum uint64
	for _, n := range t.Dropped {
		sum += n
	}
	return sum
}

// addsUp reports whether no more was answered for and dropped than made.
func (t Told) addsUp() bool {
	left := t.Made
	for _, n := range append(slices.Collect(maps.Values(t.Dropped)), t.Acknowledged) {
		if n > left {
			return false
		}
		left -= n
	}
	return true
}

// String is the statement as the header has it.
func (s Statement) String() string {
	b, err := json.Marshal(s)
	if err != nil {
		return "" // strings and numbers always have a form
	}
	return string(b)
}

// Bounds of what is read.
const (
	maxStatement = 4 << 10
	maxName      = 256
	maxReasons   = 16
)

// ParseStatement reads a header's value, which anybody may have written.
func ParseStatement(text string) (Statement, error) {
	var s Statement
	if len(text) > maxStatement {
		return s, fmt.Errorf("statement of %d bytes: want at most %d", len(text), maxStatement)
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("read statement: %w", err)
	}
	if s.Process == "" || len(s.Process) > maxName || len(s.Instance) > maxName {
		return s, errors.New("statement of nobody: want a process, and names of at most 256 bytes")
	}
	for name, t := range s.Signals {
		if len(t.Dropped) > maxReasons {
			return s, fmt.Errorf("statement of %s: %d reasons: want at most %d", name, len(t.Dropped), maxReasons)
		}
		if !t.addsUp() {
			return s, fmt.Errorf("statement of %s: more was answered for and dropped than made", name)
		}
	}
	return s, nil
}
