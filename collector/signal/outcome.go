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
