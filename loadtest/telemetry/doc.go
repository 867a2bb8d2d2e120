// Package telemetry tests the whole way of telemetry: from a sidecar's emitter over
// mutual TLS through the collector into the real store, and out again as edges, traces
// and logs, with the collector and the store going away in between.
package telemetry
