// Package authorize decides whether a caller may do what it asks for, by the
// policies that the control plane selected for this workload.
//
// The order is Istio's: a DENY policy that fits denies; else, where there is no
// ALLOW policy, everything is allowed; else what no ALLOW policy fits is denied. A
// policy without rules fits nothing, a rule without conditions fits everything.
// Dry-run policies are decided in the same order, apart from those in force, and
// only told. AUDIT policies never change a decision.
//
// Compile turns policies into tables once; a decision then neither locks nor
// allocates, except to spell a host in lower case that was not.
package authorize
