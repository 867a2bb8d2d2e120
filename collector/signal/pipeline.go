package signal

// Sampled is the reason in Pipeline.Dropped of what was left out because somebody decided
// so: ordinary traces beyond the budget. All other reasons are of losses.
const Sampled = "sampled"

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
	// Sidecars is what sidecars say of it, nil where none has spoken.
	Sidecars *Sent `json:"sidecars,omitempty"`
	// RefusedFor is the part of Refused that has a reason of its own, by reason.
	RefusedFor map[string]uint64 `json:"refusedFor,omitempty"`
	// Rejected are items that senders were told never to send again, by reason. They are
	// not received.
	Rejected map[string]uint64 `json:"rejected,omitempty"`
	// Overflow counts received items that were added up or stored as of Overflow since
	// there are too many keys, by which those are; Truncated counts values of theirs that
	// were cut or left out, by why.
	Overflow  map[string]uint64 `json:"overflow,omitempty"`
	Truncated map[string]uint64 `json:"truncated,omitempty"`
}

// Sent is what sidecars made of a signal since the collector first heard of each of their
// processes, and what became of it on the way here:
// Made + Twice = Received + InFlight + Unaccounted + all of Dropped.
type Sent struct {
	Processes int               `json:"processes"`
	Made      uint64            `json:"made"`
	Dropped   map[string]uint64 `json:"dropped"` // by reason, before it came here
	Received  uint64            `json:"received"`
	InFlight  uint64            `json:"inFlight"`
	// Unaccounted was made, said to be neither dropped nor still to come, and has not come:
	// it stays so for more than a minute.
	Unaccounted uint64   `json:"unaccounted"`
	Missing     []string `json:"missing,omitempty"` // whose that is: instances, at most ten
	Twice       uint64   `json:"twice"`             // came again, since the first answer was lost
}

// Lost is how many items were dropped that were to be stored.
func (p Pipeline) Lost() uint64 {
	var n uint64
	for reason, of := range p.Dropped {
		if reason != Sampled {
			n += of
		}
	}
	return n
}
