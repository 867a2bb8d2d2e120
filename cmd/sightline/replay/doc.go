// Package replay decides recorded requests anew, by the configuration in force and by a
// candidate for it, and counts what would be otherwise.
//
// It is the sidecars' own code that decides: compile makes the snapshots and policies that
// they would be sent, proxy/route and proxy/authorize compile and match them, proxy/retry
// says what is tried again. The package stands under cmd because it joins components that
// may not know each other: control plane, sidecar and store.
//
// What rules ask for and no record has (most headers, parameters of the query, tokens,
// addresses) becomes a question with two answers. A request is told of when every
// combination of answers that agrees with what was recorded comes to the same, and
// counted as "cannot tell" otherwise.
package replay
