package signal

// Failed reports whether a request counts as an error in the RED rows: a 5xx, no
// answer at all (status 0), or a gRPC status that blames the server. grpc is -1
// where there is none. The gRPC set is Envoy's for success rates: unknown, deadline
// exceeded, unimplemented, internal, unavailable, data loss.
func Failed(status, grpc int) bool {
	switch grpc {
	case 2, 4, 12, 13, 14, 15:
		return true
	}
	return status == 0 || status >= 500
}

// FailedStream reports whether a stream of bytes counts as an error: one that was not
// taken, or that the server's side broke. Its client may hang up, both may fall silent,
// and a sidecar may have to end; none of that is the server's fault. A stream's status
// says nothing.
func FailedStream(flags string) bool {
	switch flags {
	case "", "DC", "SI", "LR", "DT":
		return false
	}
	return true
}

// FailedHop is Failed or FailedStream, whichever is right for the protocol.
func FailedHop(protocol string, status, grpc int, flags string) bool {
	if protocol == TCP {
		return FailedStream(flags)
	}
	return Failed(status, grpc)
}
