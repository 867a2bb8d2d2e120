// Package journal keeps a map of keys to values in files that are only ever appended to:
// the queue of a collector, where each value is written once, read once and deleted soon.
//
// A change of several keys is one record, with a checksum: after a crash it is there whole
// or not at all, and what was written before it is there too. Values stay in the files;
// memory holds where each of them is. A file is removed when nothing in it is alive any
// more and none is older, so that what a delete deleted cannot come back.
//
// What Apply has returned survives the end of the process; what Sync has returned
// survives the machine's. Any number of callers of Sync share one flush of the disk.
//
// It is safe for concurrent use. A directory is one Journal's at a time.
package journal
