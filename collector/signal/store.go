package signal

import "time"

// StoreState is how the store stood when it was last measured.
type StoreState struct {
	Bytes   uint64        `json:"bytes"`   // of all tables on disk; 0 before it was measured
	Damaged []DamagedPart `json:"damaged"` // set aside; what they hold is in no answer
}

// DamagedPart is a part of a table whose files are not what was written.
type DamagedPart struct {
	Table string    `json:"table"`
	Part  string    `json:"part"` // its directory in the table's "detached"
	Bytes uint64    `json:"bytes"`
	Since time.Time `json:"since"`
}
