package mesh

// Metrics say what a sidecar leaves out of the metrics of requests; nil leaves out
// nothing. How many there were, how they ended and how long they took is told in any case.
type Metrics struct {
	Outbound *MetricRule `json:"outbound,omitempty"`
	Inbound  *MetricRule `json:"inbound,omitempty"`
}

// MetricRule is about the metrics of one direction.
type MetricRule struct {
	Remove []MetricLabel `json:"remove,omitempty"`
	Off    []Metric      `json:"off,omitempty"`
}

// MetricLabel is a label that may be left out.
type MetricLabel string

// The labels that nothing of the mesh itself is decided by.
const (
	LabelMethod      MetricLabel = "method"
	LabelRoute       MetricLabel = "route"
	LabelPeerVersion MetricLabel = "peer_version" // inbound only: the caller's
)

// Metric is one that need not be told.
type Metric string

// The metrics that nothing of the mesh itself is decided by, by Istio's names.
const (
	RequestSize   Metric = "REQUEST_SIZE"
	ResponseSize  Metric = "RESPONSE_SIZE"
	ReceivedBytes Metric = "TCP_RECEIVED_BYTES"
	SentBytes     Metric = "TCP_SENT_BYTES"
)
