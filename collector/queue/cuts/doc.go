// Package cuts remembers on disk which ranges of a queue's records were put together to a
// batch and sent, so that a process that was killed is followed by one that puts together
// the same batches under the same names, and leaves out those that are over. A store that
// knows a batch by its name has it once then.
//
// It is kept in two files of a fixed size, made beforehand, so that it needs no room on a
// disk that is full: one is written to until it is full, and then what still counts goes to
// the other.
package cuts
