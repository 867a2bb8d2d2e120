// Package load is an open-loop load generator: requests start at a fixed rate whether
// or not earlier ones have ended, so that a slow system cannot hide its slowness by
// slowing the generator (coordinated omission). Latency counts from the moment a
// request was due.
package load
