// Package wire is the protobuf form of what a sidecar and the control plane say
// to each other, and its translation to and from the vocabulary of package mesh.
// The client and server stubs are in package wireconnect.
package wire

//go:generate ./generate.sh
