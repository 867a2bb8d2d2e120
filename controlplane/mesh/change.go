package mesh

import "time"

// Change is one change of the configuration, as its history keeps it.
type Change struct {
	Number    uint64            `json:"number"` // 1 is the first; none is left out
	Time      time.Time         `json:"time"`
	By        string            `json:"by"`
	Summary   string            `json:"summary"`
	Resources []ChangedResource `json:"resources"`
}

// ChangedResource is what a change did to one resource.
type ChangedResource struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Before    string `json:"before"` // YAML; empty where the change made it
	After     string `json:"after"`  // YAML; empty where the change deleted it
}

// Restoration is a return to the configuration as it stood after a change.
type Restoration struct {
	To       uint64            `json:"to"`       // the number of that change
	Changes  []ChangedResource `json:"changes"`  // what differs from what holds now
	Findings []Finding         `json:"findings"` // an error among them: nothing was changed
}
