package signal

// Pipeline is the accounting of one signal: Received = Stored + Queued + all of Dropped.
type Pipeline struct {
	Signal   string            `json:"signal"` // "traces", "logs", "metrics"
	Unit     string            `json:"unit"`   // "spans", "records", "points"
	Received uint64            `json:"received"`
	Refused  uint64            `json:"refused"` // senders were told to keep; each try counts
	Queued   uint64            `json:"queued"`
	Stored   uint64            `json:"stored"`
	Dropped  map[string]uint64 `json:"dropped"`           // by reason
	Trouble  string            `json:"trouble,omitempty"` // why nothing is received now
}
