package serve

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/stream"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// fault is a response that the mesh makes itself.
type fault struct {
	status int      // 0 when there is nobody to answer
	flags  string   // Envoy's letters
	reason string   // in words
	grpc   *int     // code of gRPC; nil is what status means
	fields []string // names and values by turns, lower-case
}

// faults are the errors that mean the same wherever they come from, the first that fits
// first. A status of 0 is one that nobody is there to get, or a stream of bytes, which
// has none.
var faults = []struct {
	err    error
	status int
	flags  string
}{
	{errStalled, http.StatusRequestTimeout, "SI"}, // 504 once the request has ended: see rescue
	{errStreamIdle, 0, "SI"},
	{errStreamOld, 0, "DT"},
	{errStreamCut, 0, "LR"},
	{errOutside, 0, "NR"},
	{errNoWayOut, http.StatusNotFound, "NR"},
	{errLoop, 0, "NR"},
	{errClientGone, 0, "DC"},
	{errTimeout, http.StatusGatewayTimeout, "UT"},
	{route.ErrUnknownService, http.StatusNotFound, "NR"},
	{route.ErrUnknownPort, http.StatusNotFound, "NR"},
	{route.ErrNoRoute, http.StatusNotFound, "NR"},
	{errBadHostName, http.StatusNotFound, "NR"},
	{upstream.ErrOverflow, http.StatusServiceUnavailable, "UO"},
	{upstream.ErrNoInstance, http.StatusServiceUnavailable, "UH"},
	{upstream.ErrTripped, http.StatusServiceUnavailable, "UH"},
	{errNotDone, http.StatusNotImplemented, "NR"},
}

// ErrUntold says that a service is asked for and the control plane has not said yet
// whether there is one.
var ErrUntold = errors.New("not known whether there is such a service")

// faultOf turns whatever ended an exchange without an answer into a response. It is
// the only place where errors meet HTTP.
func faultOf(err error) fault {
	if f, ok := decided(err); ok {
		return f
	}
	for _, known := range faults {
		if errors.Is(err, known.err) {
			return fault{status: known.status, flags: known.flags, reason: err.Error()}
		}
	}
	f := fault{reason: err.Error()}
	f.status, f.flags = statusOf(err)
	return f
}

// decided is the fault of an error that says itself what is to be answered.
func decided(err error) (fault, bool) {
	if a, ok := errors.AsType[*aborted](err); ok {
		return a.fault(), true
	}
	if r, ok := errors.AsType[*stream.RefusedError](err); ok { // the other sidecar knows best
		return fault{status: http.StatusServiceUnavailable, flags: knownFlags(r.Flags), reason: err.Error()}, true
	}
	if r, ok := errors.AsType[*rejection](err); ok {
		return fault{status: r.status, flags: r.flags, reason: r.reason, grpc: &r.grpc, fields: r.fields}, true
	}
	if f, ok := errors.AsType[*upstream.FailedError](err); ok {
		return fault{status: f.Status, flags: "NC", reason: err.Error()}, true
	}
	if errors.Is(err, ErrUntold) {
		return fault{status: http.StatusServiceUnavailable, flags: "NC", reason: err.Error(), fields: []string{"retry-after", "1"}}, true
	}
	return fault{}, false
}

// statusOf is faultOf for what went wrong on a connection.
func statusOf(err error) (status int, flags string) {
	if b, ok := errors.AsType[*broken](err); ok {
		switch {
		case b.garbled:
			return http.StatusBadGateway, "UPE"
		case b.end == retry.ConnectFailed:
			return http.StatusServiceUnavailable, "UF"
		case b.end == retry.TimedOut:
			return http.StatusGatewayTimeout, "UT"
		case b.end == retry.Withheld:
			return http.StatusServiceUnavailable, "UO"
		}
		return http.StatusServiceUnavailable, "UC"
	}
	if e, ok := errors.AsType[*http1.Error](err); ok {
		return e.Status, "DPE"
	}
	switch {
	case errors.Is(err, errSlowRequest):
		return http.StatusRequestTimeout, "SI"
	case errors.Is(err, errNeedsHTTP2), errors.Is(err, http2.ErrNotSpoken):
		return http.StatusNotImplemented, "UPE"
	case errors.Is(err, errAnswerCut):
		return 0, "UC"
	case errors.Is(err, context.DeadlineExceeded): // a dial's is a failure to connect, above
		return http.StatusGatewayTimeout, "UT"
	}
	return http.StatusBadGateway, "UF"
}

// grpcCode is the code of gRPC for a fault; the HTTP status of such an answer is 200.
func (f fault) grpcCode() int {
	if f.grpc != nil {
		return *f.grpc
	}
	switch f.status {
	case http.StatusBadRequest:
		return 13 // INTERNAL
	case http.StatusNotFound, http.StatusNotImplemented:
		return 12 // UNIMPLEMENTED
	case http.StatusGatewayTimeout:
		return 4 // DEADLINE_EXCEEDED
	}
	return 14 // UNAVAILABLE
}

// grpcOf is the code of gRPC for an answer of a rule's, by gRPC's own table of what
// HTTP's statuses mean.
func grpcOf(a *route.Answer) int {
	if a.GRPC >= 0 {
		return a.GRPC
	}
	return grpcOfStatus(a.Status)
}

func grpcOfStatus(status int) int {
	switch status {
	case http.StatusOK:
		return 0
	case http.StatusBadRequest:
		return 13 // INTERNAL
	case http.StatusUnauthorized:
		return 16 // UNAUTHENTICATED
	case http.StatusForbidden:
		return 7 // PERMISSION_DENIED
	case http.StatusNotFound:
		return 12 // UNIMPLEMENTED
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 14 // UNAVAILABLE
	}
	return 2 // UNKNOWN
}

// knownFlags are those of flags, as another sidecar tells them, that a sidecar can have
// set, each once: they name series of metrics, of which nobody else may make more.
func knownFlags(flags string) string {
	known := ""
	for flag := range strings.SplitSeq(flags, ",") {
		if isFlag(flag) && !slices.Contains(strings.Split(known, ","), flag) {
			known = joinFlags(known, flag)
		}
	}
	return known
}

func isFlag(flag string) bool {
	switch flag {
	case "DC", "DI", "DPE", "DT", "FI", "LR", "NC", "NR", "RL", "SI", "UAEX", "UC", "UF", "UH", "UO", "UPE", "URX", "UT":
		return true
	}
	return false
}
