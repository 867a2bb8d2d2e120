// Package retry decides whether a try that ended badly is made again, when, and
// whether there is still budget for it. It knows no protocol: the caller says in an
// Outcome what became of the try.
package retry
