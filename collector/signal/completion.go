package signal

import "time"

// FilterOf is what rows a filter is about.
type FilterOf string

// What filters are about.
const (
	OfSpans FilterOf = "spans"
	OfLogs  FilterOf = "logs"
)

// CompletionQuery asks what somebody may be typing. The newest rows of
// the time are looked at, and older ones where these have nothing.
type CompletionQuery struct {
	Of         FilterOf
	Typed      string // what there is of it, of any case; empty is anything
	Start, End time.Time
	Limit      int // at most 1,000; 0 is 20
}

// Completion is a key or a value.
type Completion struct {
	Text string `json:"text"`
	Seen uint64 `json:"seen"` // rows that were looked at and have it; 0 of a column's name
}
