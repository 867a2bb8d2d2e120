// Package identity gives a process its place in the mesh: a short-lived SPIFFE
// certificate got with a join token, renewed long before it ends, and the TLS
// configurations that present it and check the other side.
//
// A certificate says two things. Its URI name is the identity that policies speak
// of, spiffe://<trust domain>/ns/<namespace>/sa/<account>. Its DNS name,
// <instance>.<version>.<service>.<namespace>.sightline, tells both ends of a
// connection which workload the other one is, at no cost per request.
//
// Every handshake uses the newest certificate; connections that stand are not
// disturbed by a renewal.
package identity
