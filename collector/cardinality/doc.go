// Package cardinality bounds how many different keys a sender makes: label sets, series,
// names. Keys are told apart by a hash of 64 bits; two that share one count as one.
//
// A key counts for as long as it is used, and up to twice the window after: so what was
// there first keeps its place while others, beyond the limit, come and go. Nothing of it
// is written down. After a restart whatever comes first has the places, so up to one more
// limit of keys may be stored in that window.
package cardinality
