package serve

import "net/http"

// refusal is a request that a policy turns away. It says itself how it is answered.
type refusal struct {
	status int
	flags  string
	reason string
	grpc   int
	fields []string // names and values by turns, lower-case
}

func (r *refusal) Error() string { return r.reason }

// denied is a request that may not be made.
func denied(reason string) error {
	return &refusal{status: http.StatusForbidden, flags: "UAEX", reason: reason, grpc: 7} // PERMISSION_DENIED
}
