package serve

import "net/http"

// rejection is a request that a policy turns away. It says itself how it is answered.
type rejection struct {
	status int
	flags  string
	reason string
	grpc   int
	fields []string // names and values by turns, lower-case
}

func (r *rejection) Error() string { return r.reason }

// unauthenticated is a request whose token is not taken.
func unauthenticated(err error) error {
	return &rejection{
		status: http.StatusUnauthorized, flags: "UAEX", reason: err.Error(), grpc: 16, // UNAUTHENTICATED
		fields: []string{"www-authenticate", `Bearer error="invalid_token"`},
	}
}

// denied is a request that may not be made.
func denied(reason string) error {
	return &rejection{status: http.StatusForbidden, flags: "UAEX", reason: reason, grpc: 7} // PERMISSION_DENIED
}
