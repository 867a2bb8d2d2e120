package mesh

import "time"

// Change is one change of the configuration, as its history keeps it.
type Change struct {
	Number    uint64            `json:"number"` // 1 is the first; none is left out
	Time      time.Time         `json:"time"`
	By        string            `json:"by"`
	Summary   string            `json:"summary"`
	Resources []ChangedResource `json:"resources"`

	Unreadable string `json:"unreadable,omitempty"` // why the control plane cannot read what it did
}

// UsualChanges is how many changes an answer has where no number is asked for.
const UsualChanges = 20

// ChangedResource is what a change did to one resource. A list of changes has no
// manifests, which may be megabytes; one that is asked for by its number has.
type ChangedResource struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	How       string `json:"how"`              // "made", "changed" or "deleted"
	Before    string `json:"before,omitempty"` // YAML; empty where the change made it
	After     string `json:"after,omitempty"`  // YAML; empty where the change deleted it
}

// Told is the resource with how it was changed, by its manifests.
func (c ChangedResource) Told() ChangedResource {
	switch {
	case c.Before == "":
		c.How = "made"
	case c.After == "":
		c.How = "deleted"
	default:
		c.How = "changed"
	}
	return c
}

// Restoration is a return to the configuration as it stood after a change.
type Restoration struct {
	To       uint64            `json:"to"`       // the number of that change
	Changes  []ChangedResource `json:"changes"`  // what differs from what holds now
	Findings []Finding         `json:"findings"` // an error among them: nothing was changed
}
