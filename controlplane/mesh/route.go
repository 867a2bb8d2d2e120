package mesh

import "time"

// Route sends the requests that one of its matches fits to its destinations, or
// answers them itself when Redirect or Respond is set.
type Route struct {
	Name         string        `json:"name"`
	Matches      []Match       `json:"matches,omitempty"`      // any one; none fits every request
	Destinations []Destination `json:"destinations,omitempty"` // none when the route answers itself
	// Timeout is over all tries and back-off; 0 is none. A delay that Fault injects
	// comes before it.
	Timeout time.Duration `json:"timeout,omitempty"`
	Retry   *Retry        `json:"retry,omitempty"` // nil is the default of package retry

	// The route's rules; nil is none.
	Headers  *HeaderEdits    `json:"headers,omitempty"`
	Rewrite  *Rewrite        `json:"rewrite,omitempty"`
	Redirect *Redirect       `json:"redirect,omitempty"`
	Respond  *DirectResponse `json:"respond,omitempty"`
	CORS     *CORS           `json:"cors,omitempty"`
	Fault    *Fault          `json:"fault,omitempty"`
	Mirrors  []Mirror        `json:"mirrors,omitempty"`

	// Last ends the list for those whose requests a match is about: later routes are
	// not theirs. A request of theirs that fits nothing before has no route. A sidecar
	// that does not know it goes on to the later routes.
	Last bool `json:"last,omitempty"`
}

// Match fits a request when all of its set parts do.
type Match struct {
	Name      string       `json:"name,omitempty"` // appended to the route's in logs
	Path      *StringMatch `json:"path,omitempty"` // without the query
	Scheme    *StringMatch `json:"scheme,omitempty"`
	Method    *StringMatch `json:"method,omitempty"`
	Authority *StringMatch `json:"authority,omitempty"` // with its port, where the request names one

	// By lower-case name; a nil match asks for presence.
	Headers map[string]*StringMatch `json:"headers,omitempty"`
	Without map[string]*StringMatch `json:"without,omitempty"` // fits when none of these does
	// By name as it stands in the query, case and escapes included; nil asks for presence.
	Query map[string]*StringMatch `json:"query,omitempty"`

	// IgnoreCase compares an exact path or a prefix without regard to the case of letters.
	IgnoreCase bool   `json:"ignoreCase,omitempty"`
	Port       uint32 `json:"port,omitempty"` // that the request names, or its scheme's; 0 is any

	// Whose requests it is about; a sidecar leaves out the matches of others.
	SourceNamespace string            `json:"sourceNamespace,omitempty"`
	SourceLabels    map[string]string `json:"sourceLabels,omitempty"`
}

// StringMatch compares a whole value; exactly one field is set. Exact may be
// empty only when Prefix and Regex are.
type StringMatch struct {
	Exact  string `json:"exact,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Regex  string `json:"regex,omitempty"` // RE2, anchored at both ends
	// Elements is a prefix of whole elements of a path: "/a" fits "/a", "/a/" and
	// "/a/b", not "/ab". It begins with a slash and does not end with one.
	Elements string `json:"elements,omitempty"`
}

// Destination is a share of a route: the instances of a service, or of a subset of it.
type Destination struct {
	Service ServiceName  `json:"service"`
	Subset  string       `json:"subset,omitempty"`
	Port    uint16       `json:"port,omitempty"` // 0 is the one that was asked for, if the service has it
	Weight  uint32       `json:"weight"`         // relative to its siblings; 0 gets nothing
	Headers *HeaderEdits `json:"headers,omitempty"`
	// Rewrite is in place of the route's, part by part. A sidecar that does not know it
	// sends the share as the route says.
	Rewrite *Rewrite `json:"rewrite,omitempty"`
	// Fail is the status that its share is answered with, as there is nothing to send it
	// to; 0 is none. A retry does not go there either. A sidecar that does not know it sends
	// the share to Service.
	Fail int `json:"fail,omitempty"`
	// Absent is the same for as long as its service is not known. A sidecar that does not
	// know it answers as for a service without instances.
	Absent int `json:"absent,omitempty"`
}

// Retry says when a request is tried again.
type Retry struct {
	Attempts      int           `json:"attempts"` // tries after the first; 0 turns retries off
	PerTryTimeout time.Duration `json:"perTryTimeout,omitempty"`
	On            []string      `json:"on,omitempty"`      // Envoy's words and bare status codes; none is the safe default
	Backoff       time.Duration `json:"backoff,omitempty"` // base of the pauses; 0 is the default of package retry
	// SameInstance lets a retry go to an instance that was tried before, as if it was not.
	SameInstance bool `json:"sameInstance,omitempty"`
	// OtherLocalities has a retry leave the localities that were tried, where others have
	// an instance to offer. It means nothing where a policy does not tell them apart.
	OtherLocalities bool `json:"otherLocalities,omitempty"`
}
