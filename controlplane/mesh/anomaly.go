package mesh

import "time"

// Observation is what was seen of one target in one window, pooled over all
// sidecars. Topology reports one for each target with an anomaly or a verdict.
type Observation struct {
	Target   Target    `json:"target"`
	Start    time.Time `json:"start"` // window, half-open
	End      time.Time `json:"end"`
	Requests uint64    `json:"requests"`
	Failed   uint64    `json:"failed"`
	// Baseline is the failed share that is usual for the target.
	Baseline float64 `json:"baseline"`
	// Anomaly is empty when the target looks as usual.
	Anomaly *Anomaly `json:"anomaly,omitempty"`
}

// Anomaly is a deviation with its evidence.
type Anomaly struct {
	Kind   string   `json:"kind"`             // "error-share"
	Detail string   `json:"detail"`           // one sentence with numbers
	Bound  float64  `json:"bound"`            // lower bound of the failed share (Wilson, 99.9 %)
	Traces []string `json:"traces,omitempty"` // example trace ids, at most 5
}
