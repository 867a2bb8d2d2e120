// Package http2 is the sidecar's HTTP/2: an engine for connections that were accepted
// or dialled elsewhere, over TLS or not. Frames are read and written with
// golang.org/x/net's Framer, header blocks with its hpack; connections, streams and
// flow control are here.
//
// A connection has one goroutine, which reads. It never writes and never waits for
// anybody but the peer: what it has read it leaves with the stream, and wakes who
// waits for it: when all that came in one read is there, so that nobody is woken for a
// head whose body has come as well. Whoever has something to send gathers it under the connection's lock
// and calls Flush; one of those who do writes for all, so that frames of many streams
// leave in one system call and one TLS record. He lets others run first that have
// something, too. A handler's goroutine serves another stream when it has served one.
//
// A [Stream] does not block. Its user asks for what has come, sends as much as the
// windows allow and, when there is nothing left to do, waits on its [Waker], which may
// be shared by two streams: so one goroutine carries a request and its answer, both
// ways. A window is opened again by Took, when what had come was passed on.
//
// What a connection may hold, whatever the peer does:
//
//   - received and not passed on: 256 KiB for a stream, 16 MiB for all;
//   - heads: 64 KiB each, 4 MiB for all that are open (streams beyond are refused);
//   - streams: 1,000, those included whose peer has given up but whose handler has not
//     returned;
//   - sent and not yet taken by the socket: 64 KiB and one head for each stream;
//   - tables of header compression: 4 KiB in each direction; buffers: 16 KiB to read,
//     16 KiB for a header fragment.
//
// A peer that only makes work (resets, settings, pings, empty frames, fragments
// without end) is told to calm down by GOAWAY, one that does not read is cut off: see
// limits.go.
package http2
