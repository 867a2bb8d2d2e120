package mesh

import "time"

// HeaderEdits change the fields of a request on its way to the instance, and those
// of the answer on its way back.
type HeaderEdits struct {
	Request  FieldEdits `json:"request"`
	Response FieldEdits `json:"response"`
}

// FieldEdits are made in the order Remove, Set, Add, each by name. Names are in
// lower case. Set replaces every field of the name; in a request "host" stands for
// the authority.
type FieldEdits struct {
	Remove []string          `json:"remove,omitempty"`
	Set    map[string]string `json:"set,omitempty"`
	Add    map[string]string `json:"add,omitempty"`
}

// Rewrite changes where a request seems to go, after it was matched. The query stays.
type Rewrite struct {
	// Path replaces what the match compared: its prefix, or else the whole path. A
	// match without a path counts as the prefix "/". Empty is no change.
	Path      string `json:"path,omitempty"`
	Authority string `json:"authority,omitempty"`
	// Elements has Path, which may be "/", replace whole elements: those of the match's
	// own Elements, or none. A slash at its end is not doubled. A sidecar that does not know
	// it replaces the whole path; so it is with a Redirect's.
	Elements bool `json:"elements,omitempty"`
	// Whole has Path replace the whole path, whatever the match compared.
	Whole bool `json:"whole,omitempty"`
	// Regex replaces every match of an RE2 pattern in the path by Substitution, in
	// which \0 to \9 stand for groups. It excludes Path. Empty is no change.
	Regex        string `json:"regex,omitempty"`
	Substitution string `json:"substitution,omitempty"`
}

// Redirect sends the caller elsewhere. Empty fields keep what the request had.
type Redirect struct {
	Code      int    `json:"code"`                // 301, 302, 303, 307 or 308
	Path      string `json:"path,omitempty"`      // instead of the whole path; the query stays unless this has one
	Prefix    string `json:"prefix,omitempty"`    // instead of the prefix that the match compared
	Elements  bool   `json:"elements,omitempty"`  // Prefix replaces whole elements, as in Rewrite
	Authority string `json:"authority,omitempty"` // with its port, if it is to have one
	Scheme    string `json:"scheme,omitempty"`    // "http" or "https"
	Port      uint32 `json:"port,omitempty"`
	// RequestPort takes over the port that the request went to.
	RequestPort bool `json:"requestPort,omitempty"`
}

// MaxBody is how long the body of a DirectResponse may be, in bytes.
const MaxBody = 64 << 10

// DirectResponse is an answer that the mesh gives itself.
type DirectResponse struct {
	Status int    `json:"status"`
	Body   []byte `json:"body,omitempty"` // at most MaxBody
}

// CORS lets pages of other origins call. Preflights that fit are answered by the mesh.
type CORS struct {
	Origins     []StringMatch `json:"origins,omitempty"` // exactly "*" fits any
	Methods     []string      `json:"methods,omitempty"`
	Headers     []string      `json:"headers,omitempty"`
	Expose      []string      `json:"expose,omitempty"`
	MaxAge      time.Duration `json:"maxAge,omitempty"` // whole seconds; 0 says nothing of it
	Credentials bool          `json:"credentials,omitempty"`
	// Ignore answers preflights whose origin does not fit, without permitting
	// anything; otherwise they go to the service.
	Ignore bool `json:"ignore,omitempty"`
}

// Fault is injected into requests to see how callers bear it.
type Fault struct {
	Delay *Delay `json:"delay,omitempty"`
	Abort *Abort `json:"abort,omitempty"`
}

// Delay holds requests back before anything else is done with them.
type Delay struct {
	Fixed   time.Duration `json:"fixed"`
	Percent float64       `json:"percent"` // of requests, 0 to 100
}

// Abort answers requests with a failure. Status or GRPC is set, never both.
type Abort struct {
	Status  int     `json:"status,omitempty"`
	GRPC    *int    `json:"grpc,omitempty"` // code
	Percent float64 `json:"percent"`        // of requests, 0 to 100
}

// Mirror sends copies of requests to another service or subset and drops the answers.
type Mirror struct {
	Service ServiceName `json:"service"`
	Subset  string      `json:"subset,omitempty"`
	Port    uint16      `json:"port,omitempty"` // as a Destination's
	Percent float64     `json:"percent"`        // of requests, 0 to 100
}

// StreamRoute sends connections, whose bytes the mesh does not understand, to its
// destinations.
type StreamRoute struct {
	Name         string        `json:"name"`
	Matches      []StreamMatch `json:"matches,omitempty"` // any one; none fits every connection
	Destinations []Destination `json:"destinations"`
}

// StreamMatch fits a connection when all of its set parts do.
type StreamMatch struct {
	// TLS is a match for connections that begin with TLS and are passed through.
	TLS bool `json:"tls,omitempty"`
	// SNI are the server names, of which one is asked for; "*.shop" fits every name
	// below shop. Set only with TLS.
	SNI  []string `json:"sni,omitempty"`
	Port uint32   `json:"port,omitempty"` // that the connection was made to; 0 is any

	// As in Match.
	SourceNamespace string            `json:"sourceNamespace,omitempty"`
	SourceLabels    map[string]string `json:"sourceLabels,omitempty"`
}

// LastGroup is the highest group that a substitution of a Rewrite names, 0 if none.
func LastGroup(substitution string) int {
	last := 0
	for i := 0; i+1 < len(substitution); i++ {
		if substitution[i] != '\\' {
			continue
		}
		i++
		if c := substitution[i]; c >= '0' && c <= '9' {
			last = max(last, int(c-'0'))
		}
	}
	return last
}
