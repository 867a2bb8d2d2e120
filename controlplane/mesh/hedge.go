package mesh

import "time"

// Hedge sends a request that is safe to repeat, and has no answer after a while, to
// another instance too: the first good answer is the one. Exactly one of After and
// Percentile is set.
type Hedge struct {
	After time.Duration `json:"after,omitempty"`
	// Percentile, as a share of [0, 1], is of the latencies of the last seconds. The delay
	// that follows it stays between Min and Max.
	Percentile float64       `json:"percentile,omitempty"`
	Min        time.Duration `json:"min,omitempty"`
	Max        time.Duration `json:"max,omitempty"`
	// GRPC are calls that are safe to repeat: "package.Service/Method", or with "*" at the
	// end what begins so.
	GRPC []string `json:"grpc,omitempty"`
}
