// Package emit tells the collector what happened to requests: spans, access logs and
// per-second RED rows, sent as OTLP over HTTP.
//
// The data path hands a Record to Emitter.Emit, which copies it into memory set aside
// for that and returns; it never blocks and what does not fit is dropped and counted.
// Emitter.Run empties that memory off the request's goroutine, 64 records at a time so
// that no request waits long for it: it encodes OTLP's protobuf directly, compresses it
// at once and posts it each second, or as soon as 64 KiB have come together, keeping what
// the collector did not acknowledge within a bound, so that a collector that restarts
// misses nothing.
//
// What telemetry may take of memory, by Config: records that wait to be encoded Buffer
// (4 MiB; 135 KiB stay set aside, the rest only exists while requests come faster than
// they are encoded), batches that wait for the collector Retain (16 MiB, none while it
// answers), the batches in the making 200 KiB, half a MiB for what requests have alike,
// and 1.2 KiB for each of at most LabelSets (1,000) RED rows. Requests of further label
// sets are told as of signal.Overflow in all but reporter, success and times; how many
// they are is in Stats, and on the admin page sightline_telemetry_label_overflow_total:
// one that rises means that rows no longer tell all peers and routes apart.
//
// The package also reads and writes the trace context that travels with requests: W3C
// traceparent in both directions and B3 to those that speak it, and bounds tracestate and
// baggage.
package emit
