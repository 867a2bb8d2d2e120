// Package handover carries what is open from one process of a sidecar to the next: the
// listening sockets, the lock on the state directory, and connections that lie idle.
// They go as descriptors, so that not a single connection or byte is lost or sees that
// another process reads it now.
//
// A process that is started to go on finds in its environment that it is an heir, and
// of what; its descriptors begin at 3, in the order of that description.
package handover
