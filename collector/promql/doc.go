// Package promql answers Prometheus' query language over the store, with Prometheus'
// own engine.
//
// Metrics with Istio's names (istio_requests_total, istio_request_duration_milliseconds
// …) and Tempo's (traces_service_graph_request_total, traces_spanmetrics_latency …) are
// computed from the RED rows as they are asked for, histograms both native and as series
// of buckets; every other metric is read from the tables samples and series,
// into which recording rules, alerts and applications write.
//
// RED rows are what happened in each second, not counters. A counter made from them
// begins at zero where the query's range begins, never resets, and has a value exactly
// where the engine looks: at both ends of each window and at a few points between. So
// rate and increase are exact, and the bare value of such a counter means nothing but
// "more than before".
package promql
