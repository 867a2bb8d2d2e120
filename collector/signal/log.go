package signal

import "time"

// Log is one access-log row or one log record of an app.
type Log struct {
	Time        time.Time      `json:"time"`
	Service     string         `json:"service"`
	Version     string         `json:"version,omitempty"`
	Instance    string         `json:"instance,omitempty"`
	Reporter    string         `json:"reporter,omitempty"` // Source or Destination; empty for an app's record
	Peer        string         `json:"peer,omitempty"`
	PeerVersion string         `json:"peerVersion,omitempty"`
	Method      string         `json:"method,omitempty"`
	Path        string         `json:"path,omitempty"`
	Status      int            `json:"status,omitempty"`
	Flags       string         `json:"flags,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	DurationMS  float64        `json:"durationMs,omitempty"`
	RequestID   string         `json:"requestId,omitempty"`
	TraceID     string         `json:"traceId,omitempty"`
	SpanID      string         `json:"spanId,omitempty"`
	Severity    string         `json:"severity,omitempty"`
	Body        string         `json:"body,omitempty"`
	Attributes  map[string]any `json:"attributes,omitempty"`
}

// LogQuery selects log rows; zero fields select everything.
type LogQuery struct {
	Service    string
	TraceID    string
	RequestID  string
	MinStatus  int
	Text       string // in path, body or reason
	Filter     string // an expression of collector/filter
	Start, End time.Time
	Limit      int // at most 1,000; 0 is 100
}
