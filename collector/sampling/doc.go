// Package sampling reads and writes what OpenTelemetry's samplers say in a span's
// tracestate: which share of traces was kept, so that what is counted can be corrected.
//
// A trace id holds 56 random bits, unless the state names others ("ot=rv:…"). A sampler
// keeps the traces whose randomness reaches its threshold ("ot=th:…"), so that all who
// sample keep the same ones, and whoever keeps fewer keeps some of those. See
// OpenTelemetry's specification, "TraceState: Probability Sampling".
package sampling
