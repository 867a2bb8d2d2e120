package signal

import "time"

// Span is one piece of a trace as the store keeps it.
type Span struct {
	TraceID       string         `json:"traceId"` // 32 hex digits
	SpanID        string         `json:"spanId"`  // 16 hex digits
	ParentID      string         `json:"parentId,omitempty"`
	Name          string         `json:"name"`
	Kind          string         `json:"kind"` // "server", "client", "internal", "producer", "consumer"
	Service       string         `json:"service"`
	Version       string         `json:"version,omitempty"`
	Instance      string         `json:"instance,omitempty"`
	Mesh          bool           `json:"mesh"` // made by a sidecar, not by the app
	Start         time.Time      `json:"start"`
	DurationNS    int64          `json:"durationNs"`
	Status        string         `json:"status"` // "ok", "error", "unset"
	StatusMessage string         `json:"statusMessage,omitempty"`
	Attributes    map[string]any `json:"attributes,omitempty"`
	Events        []SpanEvent    `json:"events,omitempty"`
}

// SpanEvent is a moment within a span.
type SpanEvent struct {
	Time       time.Time      `json:"time"`
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// TraceQuery selects traces; zero fields select everything.
type TraceQuery struct {
	Service     string
	MinDuration time.Duration
	MaxDuration time.Duration
	Status      string // "error", "ok" or a status code such as "503"
	Text        string // a span name, path, or key=value
	Filter      string // an expression of collector/filter, met by one span
	Start, End  time.Time
	Limit       int    // at most 1,000; 0 is 20
	Cursor      string // from the previous page
}

// TraceSummary is one line of a search result.
type TraceSummary struct {
	TraceID     string    `json:"traceId"`
	RootService string    `json:"rootService"`
	RootName    string    `json:"rootName"`
	Start       time.Time `json:"start"`
	DurationNS  int64     `json:"durationNs"`
	Spans       int       `json:"spans"`
	Errors      int       `json:"errors"`
	Services    []string  `json:"services"`
}

// TracePage is one page of search results, newest first.
type TracePage struct {
	Traces []TraceSummary `json:"traces"`
	Next   string         `json:"next,omitempty"` // cursor; empty on the last page
	// Partial says why there may be more than the page and the cursor tell; empty: all is told.
	Partial string `json:"partial,omitempty"`
}
