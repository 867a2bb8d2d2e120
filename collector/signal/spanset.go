package signal

import "time"

// SpanQuery selects spans: those that make a trace meet the search. Roots leaves only
// those without a parent.
type SpanQuery struct {
	Search TraceQuery
	Roots  bool
	// Since leaves out what began before, in a heatmap of the whole time; zero is nothing.
	Since time.Time
}

// Spans that samplers kept count for all that they stand for, here and in Deltas, where
// their share is said ("ot=th:…" in OpenTelemetry's tracestate).

// Heatmap counts spans by time and duration. Bucket i of a scale holds durations of more
// than 2^(i/2^Scale) and at most 2^((i+1)/2^Scale) ms.
type Heatmap struct {
	Start  time.Time  `json:"start"`
	End    time.Time  `json:"end"`
	StepMS int64      `json:"stepMs"` // of a column, the first beginning at Start
	Scale  int        `json:"scale"`
	Cells  []HeatCell `json:"cells"` // those that are not empty, by column and bucket
	Spans  uint64     `json:"spans"`
	Errors uint64     `json:"errors"`
	// Partial says why there may be more spans than were counted; empty: all were.
	Partial string `json:"partial,omitempty"`
	// Since is where counting began, if it was asked to begin after Start.
	Since *time.Time `json:"since,omitempty"`
}

// HeatCell is one column's count in one bucket.
type HeatCell struct {
	Column int    `json:"column"`
	Bucket int    `json:"bucket"`
	Spans  uint64 `json:"spans"`
	Errors uint64 `json:"errors"`
}

// DeltaQuery compares the spans of a set that are selected with the rest of the set.
type DeltaQuery struct {
	SpanQuery

	Selected string    // an expression of collector/filter; empty selects by time alone
	From, To time.Time // the time of the selected ones; zero is any
	Limit    int       // of keys; 0 is 20
}

// Deltas says which attributes two sets of spans differ in, the greatest difference
// first. What chance alone explains is left out, and so is what the selection is made of.
type Deltas struct {
	Inside  uint64 `json:"inside"` // selected spans
	Outside uint64 `json:"outside"`
	// Of large sets some traces are looked at: so many spans of each.
	LookedInside  uint64     `json:"lookedInside"`
	LookedOutside uint64     `json:"lookedOutside"`
	Keys          []DeltaKey `json:"keys"`
	Partial       string     `json:"partial,omitempty"` // as Heatmap has it
}

// DeltaKey is one attribute. Inside and Outside are of the spans that were looked at.
type DeltaKey struct {
	Key      string       `json:"key"`
	Inside   uint64       `json:"inside"` // spans that have it
	Outside  uint64       `json:"outside"`
	Distinct uint64       `json:"distinct"` // values
	Values   []DeltaValue `json:"values"`   // that differ most; none of a key that only identifies
}

// DeltaValue is one value of an attribute.
type DeltaValue struct {
	Value   string `json:"value"`
	Inside  uint64 `json:"inside"`
	Outside uint64 `json:"outside"`
	Filter  string `json:"filter"` // that finds it, in the language of collector/filter
}
