package mesh

import "time"

// Route sends the requests that one of its matches fits to its destinations.
type Route struct {
	Name         string        `json:"name"`
	Matches      []Match       `json:"matches,omitempty"` // any one; none fits every request
	Destinations []Destination `json:"destinations"`
	Timeout      time.Duration `json:"timeout,omitempty"` // over all tries and back-off; 0 is none
	Retry        *Retry        `json:"retry,omitempty"`   // nil is the default of package retry
}

// Match fits a request when all of its set parts do.
type Match struct {
	Path    *StringMatch            `json:"path,omitempty"`
	Method  *StringMatch            `json:"method,omitempty"`
	Headers map[string]*StringMatch `json:"headers,omitempty"` // lower-case names; a nil match asks for presence
}

// StringMatch compares a whole value; exactly one field is set. Exact may be
// empty only when Prefix and Regex are.
type StringMatch struct {
	Exact  string `json:"exact,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Regex  string `json:"regex,omitempty"` // RE2, anchored at both ends
}

// Destination is a share of a route: the instances of a service, or of a subset of it.
type Destination struct {
	Service ServiceName `json:"service"`
	Subset  string      `json:"subset,omitempty"`
	Weight  uint32      `json:"weight"` // relative to its siblings; 0 gets nothing
}

// Retry says when a request is tried again.
type Retry struct {
	Attempts      int           `json:"attempts"` // tries after the first; 0 turns retries off
	PerTryTimeout time.Duration `json:"perTryTimeout,omitempty"`
	On            []string      `json:"on,omitempty"` // Envoy's words and bare status codes; none is the safe default
}
