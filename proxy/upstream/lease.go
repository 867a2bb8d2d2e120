package upstream

import (
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/proxy/breaker"
	"github.com/sightline-mesh/sightline/proxy/outlier"
)

// Lease is the right to send one request to an instance.
type Lease struct {
	Instance *Instance
	// Destination is the place, among the route's, of the one that was chosen.
	Destination int
	// Cookie is the value of a Set-Cookie field for the answer, "" for none: by it the
	// client's next request comes to the same instance.
	Cookie string
	// Why the instance was chosen, where that is not the rule: "probe", "panic: …".
	Why string
	// Passed says which instances were passed over and for what, of the first few.
	Passed string

	set    *Set
	limits *limits
	terms  *terms
	ticket breaker.Ticket
	tries  int // that came before this one
}

// Kind is what a request says of the instance it was sent to.
type Kind uint8

// The kinds of outcomes.
const (
	Success    Kind = iota // the instance answered as it should
	Failure                // a 5xx, or no answer: no connection, reset, timeout
	Canceled               // the caller went away first
	Overflow               // a limit of this sidecar: never charged to the instance
	Overloaded             // the instance's own limit: it is well, and should get less
)

// Outcome is what a request came to.
type Outcome struct {
	Took       time.Duration // until the answer's head, or the failure
	Status     int           // of HTTP; 0 if there was no answer
	GRPCStatus int           // -1 if there is none
	RetryAfter time.Duration // that the answer asks for; 0 if it does not
	Kind       Kind
}

const (
	statusTooManyRequests = 429
	statusUnavailable     = 503
	grpcResourceExhausted = 8
)

// Done gives the lease back and learns from the outcome. It must be called exactly
// once, from any goroutine.
func (l Lease) Done(o Outcome) {
	l.Release()
	l.Report(o)
}

// Release gives the lease back. Together with Report it stands for Done where the
// outcome is known long before the end: a stream's is whether it was taken.
func (l Lease) Release() {
	l.limits.leave(l.tries)
	l.Instance.load.End()
}

// Report learns from the outcome. It must be called exactly once.
func (l Lease) Report(o Outcome) {
	result := o.result()
	asked := o.asked()
	// The breaker first: its recovery makes the load forget what came before this.
	if asked > 0 {
		l.ticket.HoldOff(asked)
	}
	l.ticket.Done(result)
	// An instance at its own limit is left where it is: without it the others would have
	// its load, too, and be at theirs.
	if m := l.terms.member; m != nil && result != breaker.Dropped {
		m.Report(o.outlier(l.terms.errors))
	}
	switch {
	case o.Kind == Overflow:
	case o.Kind == Canceled && o.Status == 0:
		l.Instance.load.Abandon(l.set.deps.Now(), o.Took)
	case o.Kind == Overloaded || result == breaker.Failure || result == breaker.Limited:
		l.Instance.load.Penalise(l.set.deps.Now(), o.Took, asked)
	default:
		l.Instance.load.Observe(l.set.deps.Now(), o.Took)
	}
}

// asked is the pause that the instance asked for: with a status that says so.
func (o Outcome) asked() time.Duration {
	if o.Status == statusTooManyRequests || o.Status == statusUnavailable || o.GRPCStatus == grpcResourceExhausted {
		return o.RetryAfter
	}
	return 0
}

func (o Outcome) result() breaker.Result {
	switch {
	case o.Kind == Overflow || o.Kind == Canceled || o.Kind == Overloaded:
		return breaker.Dropped
	case o.Status == statusTooManyRequests || o.GRPCStatus == grpcResourceExhausted:
		return breaker.Limited
	case o.Kind == Failure:
		return breaker.Failure
	}
	return breaker.Success
}

// outlier is what outlier detection makes of the outcome. Errors are the statuses that
// count as such; none means every 5xx.
func (o Outcome) outlier(errors []int) outlier.Result {
	status := o.Status
	if o.GRPCStatus >= 0 {
		status = httpStatus(o.GRPCStatus)
	}
	bad := status >= 500
	if len(errors) > 0 {
		bad = slices.Contains(errors, status)
	}
	switch {
	case status == 0:
		return outlier.NoAnswer
	case bad && status >= 502 && status <= 504:
		return outlier.Gateway
	case bad:
		return outlier.Error
	case o.Kind == Failure && status < 500 && o.GRPCStatus < 0: // it broke off
		return outlier.NoAnswer
	}
	return outlier.Success
}

// httpStatus is the HTTP status that stands for a status of gRPC, as Envoy has it.
func httpStatus(grpc int) int {
	const unknown = 500
	table := [...]int{200, 499, unknown, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}
	if grpc >= len(table) {
		return unknown
	}
	return table[grpc]
}
