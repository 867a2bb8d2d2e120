package mesh

import "time"

// Policy is how a sidecar treats the instances of a service. The zero value is
// the mesh's default for each field.
type Policy struct {
	LoadBalancer LoadBalancer `json:"loadBalancer,omitempty"`
	Outlier      *Outlier     `json:"outlier,omitempty"`
	Limits       Limits       `json:"limits"`
}

// LoadBalancer names how one of several instances is chosen.
type LoadBalancer string

// The load balancers. The zero value is PeakEWMA.
const (
	PeakEWMA     LoadBalancer = "peak-ewma"
	RoundRobin   LoadBalancer = "round-robin"
	LeastRequest LoadBalancer = "least-request"
	Random       LoadBalancer = "random"
)

// Outlier is a DestinationRule's outlier detection: it sharpens the breaker of
// each instance. Zero fields keep the breaker's defaults.
type Outlier struct {
	ConsecutiveErrors int           `json:"consecutiveErrors,omitempty"` // 5xx or connection failures in a row
	Interval          time.Duration `json:"interval,omitempty"`
	BaseEjection      time.Duration `json:"baseEjection,omitempty"`
	MaxEjectedPercent int           `json:"maxEjectedPercent,omitempty"`
}

// Limits bound what one sidecar keeps open towards one service. 0 is no limit.
type Limits struct {
	Connections    int           `json:"connections,omitempty"`
	Pending        int           `json:"pending,omitempty"`  // requests that wait for a connection
	Requests       int           `json:"requests,omitempty"` // in flight
	Retries        int           `json:"retries,omitempty"`  // in flight
	ConnectTimeout time.Duration `json:"connectTimeout,omitempty"`
}
