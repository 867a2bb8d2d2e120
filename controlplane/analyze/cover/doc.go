// Package cover says of two matches whether one takes every request that the other one
// is about.
//
// For exact values and prefixes, for presence, methods, ports, server names and callers
// the answer is exact. A regular expression that stands for a value or a prefix is taken
// for that; any other one is tried on examples: one that it does not fit proves that it
// does not cover, and where it fits them all the answer is Maybe.
package cover

// Answer is whether one thing covers another.
type Answer uint8

// The answers, from the least sure of covering to the surest.
const (
	No Answer = iota
	Maybe
	Yes
)

func is(sure bool) Answer { //nolint:revive // a fact turned into an answer
	if sure {
		return Yes
	}
	return No
}
