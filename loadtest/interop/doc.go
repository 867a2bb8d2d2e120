// Package interop has gRPC's interoperability tests go from a client to a server of
// grpc-go, each a process of its own, by way of a pair of real sidecars. It holds tests
// only.
package interop
