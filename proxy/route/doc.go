// Package route turns what the control plane says of services into a table that
// finds the route of a request.
//
// A set of snapshots is compiled as a whole and either makes a table or is refused;
// a table never changes afterwards, so readers share it without locks and a new
// one is swapped in.
package route
