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
//
// Of what is stored, Prometheus' own suite (promqltest, 21 files) gets the answers that it
// expects, all 2,243, with the experimental functions and syntax that it enables and the
// API does not. A native histogram tells of itself whether something was reset since the
// one before, which may lie before the range that was asked for by as much as a value
// counts as present; from a TSDB it does if both are in one chunk.
package promql
