// Package admin is the control plane's own API, as JSON over mutual TLS, for the
// mesh's other parts: the UI, the commands, topology. Sidecars have no business
// here; only identities of the namespace mesh.SystemNamespace are let in.
//
// Client and Handler are the two ends of it. What they say to each other is not a
// stable surface: both are of one program.
package admin
