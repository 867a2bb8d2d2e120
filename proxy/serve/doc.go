// Package serve takes requests from one side of the sidecar to the other: Outbound
// from the app into the mesh, Inbound from the mesh to the app.
//
// A request meets a list of layers, written down once in reading order (see
// Outbound.layers and Inbound.layers): each is a function around the next, and none
// knows the protocol. What is different between HTTP/1.1 and HTTP/2 is behind a
// codec: it holds the request, sends it over a link to an instance, and relays the
// answer. Errors become responses in one place, faultOf.
//
// What is guaranteed:
//
//   - Bodies stream both ways at the pace of the slower side. Nothing is held but
//     64 KiB of a request body, so that it can be sent again.
//   - A request is sent again by default only if it was provably not processed. Between
//     sidecars the end of a connection in order (TLS's close_notify) without an answer
//     is such a proof: a sidecar that has read a request answers it, or breaks the
//     connection.
//   - Beside a request whose route says so there may be one second try, at another
//     instance, when the first has brought nothing yet: only of what may be sent twice,
//     whose body is held whole and has left, and within the budget of retries. What has
//     lost is cancelled; of HTTP/1.1 that takes its connection.
//   - Every response that the mesh makes itself says why in x-sightline-reason and
//     x-sightline-flags, and to another sidecar also the trailers of gRPC that it makes
//     in place of the app's. Nobody else is believed. Each request is told to the Sink once, when it has ended.
//   - A request that met the end of a connection which was kept from before says nothing
//     against the instance; one whose sidecar could not connect to its app counts as one
//     that could not be connected.
//   - When the context of a Serve ends, no more connections are accepted, idle ones are
//     closed in order, and what is in flight is finished, for up to Config.Drain. Idle
//     connections of the app are passed on instead, when another process goes on.
//
// What is bounded, and by how much:
//
//   - A request head has 60 KiB and 256 fields, trailers have 8 KiB. A head takes up to
//     30 s, a body pauses for up to 5 min before its answer has begun.
//   - An HTTP/1.1 connection that lies idle holds a goroutine and no buffers: 8 KB, as
//     TestIdleConnectionsAreCheap -idle 9900 measured. A request in flight borrows 8 KiB
//     for each of its four sides, 32 KiB where messages are larger, at most 64 KiB for a
//     large head and 64 KiB for a body that may be sent again; and crypto/tls keeps a
//     buffer of up to 17 KiB for each connection of the mesh.
//   - A listener has at most 32,768 connections.
//   - Hosts that are remembered: 4,096. What requests make up beyond that (100,000
//     different hosts, paths, methods and fields) adds nothing:
//     TestDifferentRequestsTakeBoundedMemory -distinct 100000.
package serve
