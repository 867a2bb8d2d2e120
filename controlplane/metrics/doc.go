// Package metrics tells Prometheus how one control plane does: what it pushes and how
// soon that is in force, how its certificate authority stands, what is registered, how
// fast its store answers, and whether it leads.
//
// Figures are of this control plane alone, and Prometheus adds up those of several;
// what is in the store (resources, instances, verdicts, the authority) is the same at
// each. They are read when they are asked for.
package metrics
