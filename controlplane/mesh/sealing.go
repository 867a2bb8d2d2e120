package mesh

// Sealing is how the CA's private keys are sealed while their passphrase is replaced.
type Sealing struct {
	Twice bool `json:"twice"` // with another passphrase beside the one of before
	// Name is of the passphrase that was added, for control planes to tell each other.
	Name string `json:"name,omitempty"`
	Has  bool   `json:"has"` // the control plane that answers was given it
	// Waiting are the control planes that were not given it, or do not say.
	Waiting []string `json:"waiting,omitempty"`
}
