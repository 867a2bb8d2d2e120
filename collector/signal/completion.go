package signal

import "time"

// FilterOf is what rows a filter is about.
type FilterOf string

// What filters are about.
const (
	OfSpans FilterOf = "spans"
	OfLogs  FilterOf = "logs"
)

// CompletionQuery asks what somebody may be typing. The time is widened to whole quarters
// of an hour for attributes without a column; of others its newest rows are looked at.
type CompletionQuery struct {
	Of         FilterOf
	Typed      string // what there is of it, of any case; empty is anything
	Start, End time.Time
	Limit      int // at most 1,000; 0 is 20
}

// Completion is a key or a value.
type Completion struct {
	Text string `json:"text"`
	Seen uint64 `json:"seen"` // rows that were looked at and have it; 0 where that is not known
}
