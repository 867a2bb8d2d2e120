// Package emit tells the collector what happened to requests: spans, access logs and
// per-second RED rows, sent as OTLP over HTTP.
//
// The data path hands a Record to Emitter.Emit, which copies it into memory set aside
// for that and returns; it never blocks and what does not fit is dropped and counted.
// Emitter.Run drains that memory each second, off the request's goroutine: it encodes
// OTLP's protobuf directly, compresses it and posts it, keeping what the collector did
// not acknowledge within a bound, so that a collector that restarts misses nothing.
//
// The package also reads and writes the trace context that travels with requests: W3C
// traceparent in both directions, B3 inwards.
package emit
