// Package upstream knows every instance that requests may go to, and chooses one for
// each request: by the weights of its route, past verdicts of the control plane and
// breakers of its own, to the less loaded of what remains.
//
// What was learned of an instance stays with it for as long as it is pushed.
package upstream
