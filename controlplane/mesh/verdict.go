package mesh

import "time"

// Target is what a verdict or an anomaly is about: an instance when Instance is
// set, else a version when Version is, else a whole service.
type Target struct {
	Service  ServiceName `json:"service"`
	Version  Version     `json:"version,omitempty"`
	Instance InstanceID  `json:"instance,omitempty"`
}

// String is "payments", "payments:v2" or "payments:v2/payments-v2-1".
func (t Target) String() string {
	s := string(t.Service)
	if t.Version != "" {
		s += ":" + string(t.Version)
	}
	if t.Instance != "" {
		s += "/" + string(t.Instance)
	}
	return s
}

// Phase is where a verdict stands.
type Phase string

// The phases of a verdict. A released verdict is no longer pushed.
const (
	Tripped  Phase = "tripped"  // no traffic
	Probing  Phase = "probing"  // a small share, to see whether it recovered
	Released Phase = "released" // as before
)

// Verdict is the control plane's decision to keep traffic away from a target. It
// outranks a sidecar's own breakers, and the rule that one instance always stays.
type Verdict struct {
	ID     string    `json:"id"`
	Target Target    `json:"target"`
	Phase  Phase     `json:"phase"`
	Admit  float64   `json:"admit"`            // share of its usual traffic let through: 0 when tripped
	Reason string    `json:"reason"`           // one sentence with numbers
	By     string    `json:"by"`               // "remedy" or who did it
	Held   bool      `json:"held,omitempty"`   // a person said to keep it: no probing, no release
	Since  time.Time `json:"since"`            // when it was tripped first
	Until  time.Time `json:"until,omitzero"`   // sidecars let go at this time even without the control plane
	Traces []string  `json:"traces,omitempty"` // example trace ids
}
