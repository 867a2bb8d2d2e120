package signal

import "time"

// Window is a half-open span of time.
type Window struct{ Start, End time.Time }

// Edge is what one pair of callers and callees did in one window, pooled over the
// sidecars that reported it.
type Edge struct {
	Source             string // service name; "" is a caller outside the mesh
	SourceVersion      string
	Destination        string
	DestinationVersion string
	Instance           string // of the destination; "" where no instance was reached
	Protocol           string
	Requests           uint64
	Failed             uint64
	MTLS               uint64            // requests that went over mutual TLS
	Flags              map[string]uint64 // response flags and how often each was seen
	Durations          Histogram
	BytesIn, BytesOut  uint64
}

// EdgeSecond is what an edge did in one second: its requests, failures and flags,
// without what only a graph shows.
type EdgeSecond struct {
	Edge

	Time time.Time // the second's start
}

// Point is one step of a service's RED series.
type Point struct {
	Time     time.Time `json:"time"`
	Requests float64   `json:"rps"`
	Failed   float64   `json:"failedPerSecond"`
	P50      float64   `json:"p50"` // ms
	P95      float64   `json:"p95"`
	P99      float64   `json:"p99"`
}

// AppEdgeKey reports whether an attribute of an application's client span has a part in
// its edge: whom it called, or how.
func AppEdgeKey(key string) bool {
	switch key {
	case "peer.service", "service.peer.name", KeyAuthority, "net.peer.name", "http.host",
		"network.peer.address", "net.sock.peer.addr", "messaging.destination.name", "db.system.name", "db.system",
		"rpc.system.name", "rpc.system", "messaging.system",
		KeyMethod, "http.method", KeyStatus, "http.status_code", KeyGRPCStatus, KeyProtocol:
		return true
	}
	return false
}
