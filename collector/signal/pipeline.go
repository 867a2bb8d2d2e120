package signal

// Pipeline is the accounting of one signal: Received = Stored + Queued + all of Dropped.
type Pipeline struct {
	Signal   string            `json:"signal"` // "traces", "logs", "metrics"
	Unit     string            `json:"unit"`   // "spans", "records", "points"
	Received uint64            `json:"received"`
	Queued   uint64            `json:"queued"`
	Stored   uint64            `json:"stored"`
	Dropped  map[string]uint64 `json:"dropped"` // by reason
}
