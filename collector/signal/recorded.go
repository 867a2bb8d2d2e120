package signal

import "time"

// Recorded is an access-log row as far as a request can be decided anew by it. Headers
// are not recorded, but for those that have a field here.
type Recorded struct {
	Time                            time.Time
	TraceID                         string // 32 hex digits; empty without one
	Reporter                        string // Source or Destination
	Service, Version, Instance      string // of the sidecar that recorded it
	Peer, PeerVersion, PeerIdentity string
	Route                           string // of the source
	Method, Path, Authority         string // Path with its query, secrets left out
	UserAgent, RequestID            string
	Port                            uint16 // of the app that it was for; 0 is not recorded
	Status                          int    // 0 is none
	Flags                           string
	DurationMS                      float64
	Tries                           string // JSON, as KeyTries
}

// RecordedQuery selects rows; those that carry no HTTP are left out.
type RecordedQuery struct {
	Window
	Limit int // of the newest rows
}
