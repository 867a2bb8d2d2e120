// Package graph turns edges, as sidecars reported them, into the service graph that
// people look at and that anomalies are searched in. A Graph is built whole and
// never changed; building it does no I/O and reads no clock.
package graph

import "time"

// Graph is the mesh as it was in one window.
type Graph struct {
	Start time.Time `json:"start"` // window, half-open
	End   time.Time `json:"end"`
	Nodes []Node    `json:"nodes"` // sorted by ID
	Edges []Edge    `json:"edges"` // sorted by ID
}

// Rates are the RED figures of a node, an edge or a version.
type Rates struct {
	RPS        float64 `json:"rps"`
	ErrorShare float64 `json:"errorShare"` // failed / all, 0 to 1
	P50        float64 `json:"p50"`        // ms
	P95        float64 `json:"p95"`
	P99        float64 `json:"p99"`
	Requests   uint64  `json:"requests"`
	Failed     uint64  `json:"failed"`
}

// Node is one service. Its Rates are those of the requests it received; a service
// that only calls has the rates of what it sent.
type Node struct {
	ID        string    `json:"id"` // the service's name; "outside" for callers without a sidecar
	Namespace string    `json:"namespace"`
	Health    Health    `json:"health"`
	Versions  []Version `json:"versions"`
	Rates
}

// Version is one version of a node's service.
type Version struct {
	Version   string   `json:"version"`
	Instances []string `json:"instances"` // that received requests in the window
	Breaker   Breaker  `json:"breaker"`
	Health    Health   `json:"health"`
	Rates
}

// Edge is one caller and one callee.
type Edge struct {
	ID          string            `json:"id"` // "gateway→cart"
	Source      string            `json:"source"`
	Destination string            `json:"destination"`
	Protocol    string            `json:"protocol"`
	MTLSShare   float64           `json:"mtlsShare"` // of requests that reached an instance
	Flags       map[string]uint64 `json:"flags,omitempty"`
	Health      Health            `json:"health"`
	Breaker     Breaker           `json:"breaker"`           // the worst of its versions'
	Anomaly     string            `json:"anomaly,omitempty"` // detail, when one is seen on this edge now
	Versions    []Version         `json:"versions"`          // of the destination, as this caller saw them
	Rates
}

// Health is a node's or an edge's state by Kiali's thresholds: failed share of 10 %
// and more is failing, 0.1 % and more degraded.
type Health string

// The states of health.
const (
	Idle     Health = "idle"
	Healthy  Health = "healthy"
	Degraded Health = "degraded"
	Failing  Health = "failing"
)

// Breaker is what verdicts say of a version or an edge.
type Breaker string

// The states of a breaker, as everywhere in the mesh.
const (
	Admitting Breaker = "admitting"
	Probing   Breaker = "probing"
	Tripped   Breaker = "tripped"
)
