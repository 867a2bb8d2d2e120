package signal

// Tenant is what became of one signal of one tenant: whoever its certificate says, by
// namespace, or what a sender without one, on the same machine, says of itself.
type Tenant struct {
	Tenant     string            `json:"tenant"`
	Claimed    bool              `json:"claimed"` // its sender proved nothing
	Signal     string            `json:"signal"`
	Taken      uint64            `json:"taken"`      // items within its rate; some may have been refused for other reasons
	TakenBytes uint64            `json:"takenBytes"` // of requests, decompressed
	Refused    map[string]uint64 `json:"refused"`    // items beyond its rate, by reason; each try counts
}
