package promql

import (
	"slices"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// metric is one that is computed from the RED rows: value, or a histogram of durations
// with either bounds or native.
type metric struct {
	name, kind, help string

	value  func(*counts) float64
	bounds []float64 // ms; cumulative buckets with label le
	native bool      // a native histogram
	unit   float64   // of le, of native buckets and of sums, in ms

	reporter string // whose rows count alone, so that no request counts twice; "" both
	of       subject
	labels   []label

	source, destination []string // labels that are a service's name, whole or without its namespace
}

// subject is what a metric counts.
type subject int

const (
	requests subject = iota
	streams          // of bytes
	anything
)

// String is the word for it in statements, "" where it is anything.
func (s subject) String() string { return [...]string{"requests", "streams", ""}[s] }

// metrics lists them all.
func metrics() []metric {
	return slices.Concat(istioMetrics(), istioStreams(), graphMetrics(), spanMetrics())
}

func istioMetrics() []metric {
	all := []metric{
		{name: "istio_request_bytes_count", help: "Requests of which the body's size is known.", value: requestCount},
		{name: "istio_request_bytes_sum", help: "Bytes of request bodies.", value: func(c *counts) float64 { return float64(c.bytesIn) }},
		{name: "istio_requests_total", help: "Requests, as the sidecars at both ends saw them.", value: requestCount},
		{name: "istio_response_bytes_count", help: "Responses of which the body's size is known.", value: requestCount},
		{name: "istio_response_bytes_sum", help: "Bytes of response bodies.", value: func(c *counts) float64 { return float64(c.bytesOut) }},
	}
	all = append(all, durations(metric{
		name: "istio_request_duration_milliseconds", help: "Durations of requests in milliseconds.", unit: 1, bounds: bounds(),
	})...)
	return labelled(all, istioLabels(), istioSources(), istioDestinations())
}

func istioStreams() []metric {
	return labelled([]metric{
		{name: "istio_tcp_connections_closed_total", help: "Streams of bytes that have ended.", value: requestCount, of: streams},
		{
			name: "istio_tcp_connections_opened_total", help: "Streams of bytes that were opened, those that nobody took included.",
			value: func(c *counts) float64 { return float64(c.opened) }, of: streams,
		},
		{
			name: "istio_tcp_received_bytes_total", help: "Bytes from the clients of streams that have ended.",
			value: func(c *counts) float64 { return float64(c.bytesIn) }, of: streams,
		},
		{
			name: "istio_tcp_sent_bytes_total", help: "Bytes to the clients of streams that have ended.",
			value: func(c *counts) float64 { return float64(c.bytesOut) }, of: streams,
		},
	}, tcpLabels(), istioSources(), istioDestinations())
}

func istioSources() []string { return []string{"source_app", "source_canonical_service"} }

func istioDestinations() []string {
	return []string{"destination_service_name", "destination_app", "destination_canonical_service"}
}

// graphMetrics have the names of Tempo's service graph. How long a stream of bytes was
// open is no duration of a request.
func graphMetrics() []metric {
	all := []metric{
		{
			name: "traces_service_graph_request_failed_total", help: "Failed requests between two services.",
			value: func(c *counts) float64 { return float64(c.failed) }, of: anything, reporter: signal.Source,
		},
		{
			name: "traces_service_graph_request_total", help: "Requests between two services.",
			value: requestCount, of: anything, reporter: signal.Source,
		},
	}
	all = append(all, durations(metric{
		name: "traces_service_graph_request_client_seconds", help: "Durations of requests between two services, as the client saw them.",
		unit: 1000, bounds: graphBounds(), reporter: signal.Source,
	})...)
	all = append(all, durations(metric{
		name: "traces_service_graph_request_server_seconds", help: "Durations of requests between two services, as the server saw them.",
		unit: 1000, bounds: graphBounds(), reporter: signal.Destination,
	})...)
	return labelled(all, graphLabels(), []string{"client"}, []string{"server"})
}

// spanMetrics have the names of Tempo's span metrics.
func spanMetrics() []metric {
	all := []metric{{name: "traces_spanmetrics_calls_total", help: "Requests, counted at both ends.", value: requestCount}}
	all = append(all, durations(metric{
		name: "traces_spanmetrics_latency", help: "Durations of requests in seconds, at both ends.", unit: 1000, bounds: spanBounds(),
	})...)
	return labelled(all, spanLabels(), nil, nil)
}

// durations are the forms of a histogram of durations: native, and buckets, count and sum
// as series of their own.
func durations(m metric) []metric {
	m.kind = "histogram"
	native, buckets, count, sum := m, m, m, m
	native.native, native.bounds = true, nil
	buckets.name += "_bucket"
	count.name, count.bounds, count.value = m.name+"_count", nil, requestCount
	sum.name, sum.bounds, sum.value = m.name+"_sum", nil, func(c *counts) float64 { return c.durationSum / m.unit }
	return []metric{native, buckets, count, sum}
}

func labelled(all []metric, with []label, source, destination []string) []metric {
	for i := range all {
		all[i].labels, all[i].source, all[i].destination = with, source, destination
		if all[i].kind == "" {
			all[i].kind = "counter"
		}
	}
	return all
}

func requestCount(c *counts) float64 { return float64(c.requests) }

// histogram reports whether a metric has the buckets of a histogram.
func (m *metric) histogram() bool { return m.native || m.bounds != nil }

// covers reports whether rows of a key count in the metric.
func (m *metric) covers(k *key) bool {
	if m.reporter != "" && m.reporter != k.reporter {
		return false
	}
	return m.of == anything || (m.of == streams) == (k.protocol == signal.TCP)
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
