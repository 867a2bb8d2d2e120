// Package segments keeps records on disk, first in, first out: each is written once, at the
// end of a file that is only ever appended to, read once, and goes with its file when all
// of that file is done with.
//
// A record has a number that no other record of the directory ever has, a head with a
// checksum of its own, and its content with another: what is damaged is passed over, and
// what follows it is found again.
//
// What Append has returned survives the end of the process; what Sync has returned
// survives the machine's. Any number of callers of Sync share one flush of the disk.
package segments
