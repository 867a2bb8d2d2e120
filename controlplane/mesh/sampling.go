package mesh

import "time"

// Sampling is which of the traces that a sidecar starts are recorded, and which of its
// own spans it records beside those. Who has a parent is sampled as its parent is.
// Metrics and access logs are of every request in any case.
type Sampling struct {
	// Percentage is of the traces that no rule is about, 0 to 100.
	Percentage float64        `json:"percentage"`
	Rules      []SamplingRule `json:"rules,omitempty"` // the first that fits decides
	// KeepErrors and KeepSlower record the sidecar's own span of a request that is not
	// sampled, when it failed or took at least so long; 0 is never.
	KeepErrors bool          `json:"keepErrors,omitempty"`
	KeepSlower time.Duration `json:"keepSlower,omitempty"`
}

// SamplingRule is about requests that have all that is set.
type SamplingRule struct {
	Host       string            `json:"host,omitempty"` // as the caller wrote it, without its port, in lower case
	PathPrefix string            `json:"pathPrefix,omitempty"`
	Method     string            `json:"method,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"` // exact values by lower-case names
	Percentage float64           `json:"percentage"`
}
