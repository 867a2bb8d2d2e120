// Package queue keeps telemetry on disk until the store has it: requests of OTLP go in one
// by one, and come out as batches, in their order.
//
// What Append has returned is on disk. A batch is a range of requests that follow each
// other, cut by items, bytes and time, and its name is that of the range. The cut is written
// down before the batch is sent first, so that a process that was killed is followed by one
// that sends the same batch under the same name, which a store has once. It is tried again
// until it is stored, or until the store says that it never will be.
//
// The requests lie in package segments, the cuts in package cuts; what earlier versions
// left queued is read by package former, where it lies, and is first.
package queue
