// Package inflight remembers on disk which batches are on their way to the store, so that a
// process which was killed meanwhile is followed by one that sends the same batches.
//
// A store knows a batch again by its name, and stores it once. A queue that is read again
// after a kill gives the same telemetry, but put together to other batches, which no store
// knows: what had been stored already would be stored twice. So a batch is written here
// before it is sent. The next process first sends again what it finds, under its old name,
// and then leaves that out of what its queue gives.
//
// What a batch consists of is told by its parts: the elements of an OTLP request, each about
// one resource. Batches must be put together from whole parts.
package inflight
