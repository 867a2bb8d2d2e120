// Package identity gives a process its place in the mesh: a short-lived SPIFFE
// certificate got with a join token, renewed long before it ends, and the TLS
// configurations that present it and check the other side.
//
// A certificate says two things. Its URI name is the identity that policies speak
// of, spiffe://<trust domain>/ns/<namespace>/sa/<account>. Its DNS name,
// <instance>.<version>.<service>.<namespace>.sightline, tells both ends of a
// connection which workload the other one is, at no cost per request.
//
// Whom to trust is pushed: a Source follows the control plane, which tells it the roots
// and what is revoked as they change, and hears which of it is in force. A root is
// replaced that way without a failed handshake. Connections to peers whose certificates
// are revoked are cut at once; those to peers below a root that is gone end when what is
// under way on them is over, after the drain time at the latest.
//
// That a certificate expires ends no connection between workloads, as with Envoy and
// Linkerd: a certificate is looked at in handshakes, and each new connection has one.
//
// A certificate may also come from a SPIRE agent, or another SPIFFE Workload API. The
// control plane has to trust its root then, as an authority that is supplied below the
// same root does, and gives the revocations alone. Such a certificate needs the names
// above like any other.
//
// Every handshake uses the newest certificate; connections that stand are not
// disturbed by a renewal. Streams to the control plane are made anew with it, the new one
// before the old one ends: the control plane ends one whose certificate expires.
package identity
