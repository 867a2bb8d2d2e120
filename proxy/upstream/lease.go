package upstream

import (
	"time"

	"github.com/sightline-mesh/sightline/proxy/breaker"
)

// Lease is the right to send one request to an instance.
type Lease struct {
	Instance *Instance

	set    *Set
	group  *group
	ticket breaker.Ticket
	tries  int // that came before this one
}

// Kind is what a request says of the instance it was sent to.
type Kind uint8

// The kinds of outcomes.
const (
	Success  Kind = iota // the instance answered as it should
	Failure              // a 5xx, or no answer: no connection, reset, timeout
	Canceled             // the caller went away first
	Overflow             // a limit of this sidecar: never charged to the instance
)

// Outcome is what a request came to.
type Outcome struct {
	Took       time.Duration // until the answer's head, or the failure
	Status     int           // of HTTP; 0 if there was no answer
	GRPCStatus int           // -1 if there is none
	Kind       Kind
}

const (
	statusTooManyRequests = 429
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
	l.group.leave(l.tries)
	l.Instance.load.End()
}

// Report learns from the outcome. It must be called exactly once.
func (l Lease) Report(o Outcome) {
	result := o.result()
	// The breaker first: its recovery makes the load forget what came before this.
	l.ticket.Done(result)
	if o.Kind != Overflow {
		l.Instance.load.Observe(l.set.deps.Now(), o.Took, result == breaker.Failure || result == breaker.Limited)
	}
}

func (o Outcome) result() breaker.Result {
	switch {
	case o.Kind == Overflow || o.Kind == Canceled:
		return breaker.Dropped
	case o.Status == statusTooManyRequests || o.GRPCStatus == grpcResourceExhausted:
		return breaker.Limited
	case o.Kind == Failure:
		return breaker.Failure
	}
	return breaker.Success
}
