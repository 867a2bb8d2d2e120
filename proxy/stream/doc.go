// Package stream carries bytes between two connections without understanding them,
// and has the few bytes that two sidecars say to each other before that.
//
// Between sidecars a stream is a TLS connection of its own, told apart by [ALPN]. The
// caller's sidecar sends a [Head]; the callee's connects to its app and answers with
// [Accept], or with [Refuse] and a reason. Only then is a byte of the caller's taken,
// so that a stream which is refused can be tried at another instance. After the
// answer there is no framing: what follows are the bytes of the two apps.
//
// What is guaranteed of the bytes:
//
//   - Each direction goes at the pace of its slower side, with one buffer of at most
//     32 KiB in between.
//   - The end of one direction is passed on alone: FIN becomes close_notify and back.
//   - A connection that breaks breaks the other one too, by a reset, so that a cut
//     stream never looks like one that has ended.
package stream
