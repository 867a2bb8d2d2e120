// Package former reads what earlier versions left queued: the requests that the Collector's
// own queue kept in a journal of keys and values, or before that in a bbolt file, and the
// batches that were on their way to the store, each in a file of its own.
//
// Nothing is written: what is there stays as it is until all of it is stored, and then is
// removed.
package former
