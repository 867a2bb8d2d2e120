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
	Limit      int    // at most 1,000; 0 is 100
	Cursor     string // from the previous page
}

// LogPage is one page of rows, newest first.
type LogPage struct {
	Logs []Log  `json:"logs"`
	Next string `json:"next,omitempty"` // cursor; empty on the last page
	// Partial says why there may be more than the page and the cursor tell; empty: all is told.
	Partial string `json:"partial,omitempty"`
}

// Severities are the classes that a LogHistogram tells apart, gravest first. Unset is of
// rows that say none.
func Severities() []string {
	return []string{"FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "UNSET"}
}

// LogHistogram is how many rows of each severity there are in each part of a time.
type LogHistogram struct {
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	StepMS int64     `json:"stepMs"` // of a bin, the first beginning at Start
	// Bins holds, by severity, as many counts as there are steps.
	Bins    map[string][]uint64 `json:"bins"`
	Total   uint64              `json:"total"`
	Partial string              `json:"partial,omitempty"` // as LogPage has it
}
