package promql

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// metric is one that is computed from the RED rows.
type metric struct {
	name, kind, help string
	value            func(*counts) float64
	histogram        bool // cumulative buckets with label le instead of value
	sourceOnly       bool // counted where the caller stands, so that no request counts twice
	streams          bool // of streams of bytes instead of requests
	label            func(*labels.ScratchBuilder, *key)
}

// metrics lists them by name.
func metrics() []metric {
	return []metric{
		{
			name: "istio_request_bytes_count", kind: "counter", help: "Requests of which the body's size is known.",
			value: requestCount, label: istioLabels,
		},
		{
			name: "istio_request_bytes_sum", kind: "counter", help: "Bytes of request bodies.",
			value: func(c *counts) float64 { return float64(c.bytesIn) }, label: istioLabels,
		},
		{
			name: "istio_request_duration_milliseconds_bucket", kind: "histogram", help: "Durations of requests in milliseconds.",
			histogram: true, label: istioLabels,
		},
		{
			name: "istio_request_duration_milliseconds_count", kind: "histogram", help: "Durations of requests in milliseconds.",
			value: requestCount, label: istioLabels,
		},
		{
			name: "istio_request_duration_milliseconds_sum", kind: "histogram", help: "Durations of requests in milliseconds.",
			value: func(c *counts) float64 { return c.durationSum }, label: istioLabels,
		},
		{
			name: "istio_requests_total", kind: "counter", help: "Requests, as the sidecars at both ends saw them.",
			value: requestCount, label: istioLabels,
		},
		{
			name: "istio_response_bytes_count", kind: "counter", help: "Responses of which the body's size is known.",
			value: requestCount, label: istioLabels,
		},
		{
			name: "istio_response_bytes_sum", kind: "counter", help: "Bytes of response bodies.",
			value: func(c *counts) float64 { return float64(c.bytesOut) }, label: istioLabels,
		},
		{
			name: "istio_tcp_connections_closed_total", kind: "counter", help: "Streams of bytes that have ended.",
			value: requestCount, streams: true, label: tcpLabels,
		},
		{
			name: "istio_tcp_connections_opened_total", kind: "counter", help: "Streams of bytes that were opened, those that nobody took included.",
			value: func(c *counts) float64 { return float64(c.opened) }, streams: true, label: tcpLabels,
		},
		{
			name: "istio_tcp_received_bytes_total", kind: "counter", help: "Bytes from the clients of streams that have ended.",
			value: func(c *counts) float64 { return float64(c.bytesIn) }, streams: true, label: tcpLabels,
		},
		{
			name: "istio_tcp_sent_bytes_total", kind: "counter", help: "Bytes to the clients of streams that have ended.",
			value: func(c *counts) float64 { return float64(c.bytesOut) }, streams: true, label: tcpLabels,
		},
		{
			name: "traces_service_graph_request_failed_total", kind: "counter", help: "Failed requests between two services.",
			value: func(c *counts) float64 { return float64(c.failed) }, sourceOnly: true, label: graphLabels,
		},
		{
			name: "traces_service_graph_request_total", kind: "counter", help: "Requests between two services.",
			value: requestCount, sourceOnly: true, label: graphLabels,
		},
	}
}

func requestCount(c *counts) float64 { return float64(c.requests) }

// covers reports whether rows of a key count in the metric: those of a service graph
// are of requests and streams alike.
func (m *metric) covers(k *key) bool {
	return m.sourceOnly || m.streams == (k.protocol == signal.TCP)
}

// Computed reports whether a metric is computed from the RED rows, not stored.
func Computed(name string) bool {
	return slices.ContainsFunc(metrics(), func(m metric) bool { return m.name == name })
}

// key is what tells RED rows apart, as far as labels go.
type key struct {
	reporter, source, sourceVersion, destination, destinationVersion string
	route, method                                                    string
	status                                                           uint16
	grpcStatus                                                       int16
	flags, protocol                                                  string
	mtls                                                             bool
}

// counts is what one key did in one slot.
type counts struct {
	requests, failed, bytesIn, bytesOut, opened uint64
	durationSum                                 float64
}
