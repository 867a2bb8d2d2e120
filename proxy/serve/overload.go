package serve

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/gradient"
	"github.com/sightline-mesh/sightline/proxy/inflight"
)

// patience is how long a request may wait for one that ends, when as many are in flight
// as there may be and its caller has less than its share of them.
const patience = time.Second

// The planes of the gates.
const (
	whole   = iota // what is in flight until its end, streams included
	working        // what the app works on
)

// InFlight bounds what is in flight at once.
type InFlight struct {
	inflight.Bounds
	Name, PerCallerName string // of the policies that set them
}

// Adaptive bounds what the app works on at once by how long that takes.
type Adaptive struct {
	Name    string
	Control *gradient.Controller
}

// admit turns away what there is too much of at once.
func (in *Inbound) admit(next handler) handler {
	adapt := in.adapt(next)
	return func(x *exchange) error {
		if x.guard == nil {
			return next(x)
		}
		bounds := x.guard.InFlight
		if bounds == nil {
			return adapt(x)
		}
		held := bounds.Bounds
		held.By = x.deadline
		if v := in.whole.Enter(x.ctx, x.seat, held); v != inflight.Entered {
			if err := gaveUp(x, v); err != nil {
				return err
			}
			in.guards.crowded.Add(1)
			return full(bounds, v)
		}
		defer in.whole.Leave(x.seat)
		return adapt(x)
	}
}

// adapt turns away what the app cannot take now. A request counts until its answer has
// ended, and so does its latency; one whose answer may go on for as long as it likes
// counts until that has begun: see begin. Streams of bytes do not count.
func (in *Inbound) adapt(next handler) handler {
	return func(x *exchange) error {
		a := x.guard.Adaptive
		if a == nil || x.stream {
			return next(x)
		}
		if v := in.working.Enter(x.ctx, x.seat, inflight.Bounds{All: a.Control, By: x.deadline}); v != inflight.Entered {
			if err := gaveUp(x, v); err != nil {
				return err
			}
			in.guards.adapted.Add(1)
			return &rejection{
				status: http.StatusServiceUnavailable, flags: "UO", grpc: 14, // UNAVAILABLE
				reason: fmt.Sprintf("app is overloaded: adaptive limit of %d requests in flight reached: %s", a.Control.Limit(), a.Name),
			}
		}
		x.adaptive = a
		defer in.workedOn(x)
		err := next(x)
		if x.adaptive != nil && err == nil {
			a.Control.Observe(x.sent, time.Since(x.sent))
		}
		return err
	}
}

// workedOn counts out a request that the app is done with. Only the first call counts.
func (in *Inbound) workedOn(x *exchange) {
	if x.adaptive != nil {
		x.adaptive = nil
		in.working.Leave(x.seat)
	}
}

// begin ends what counts of a request whose answer has begun and may go on for long: of
// gRPC, events, another protocol. How long they take says nothing of the app's load,
// but how long it took to begin does, where that did not hang on the client.
func (in *Inbound) begin(next handler) handler {
	return func(x *exchange) error {
		err := next(x)
		if a := x.adaptive; a != nil && err == nil && x.via.lasting() {
			if x.received && !x.extended && x.answer.status != http.StatusSwitchingProtocols {
				a.Control.Observe(x.sent, time.Since(x.sent))
			}
			in.workedOn(x)
		}
		return err
	}
}

// lastingType reports whether a body of a content type may go on for as long as it likes.
func lastingType(contentType string) bool {
	const events = "text/event-stream"
	if len(contentType) < len(events) || !strings.EqualFold(contentType[:len(events)], events) {
		return false
	}
	rest := contentType[len(events):]
	return rest == "" || rest[0] == ';' || rest[0] == ' '
}

// gaveUp is a request that nobody waits for any longer: no overload, as there might have
// been room in time. Nil is another verdict.
func gaveUp(x *exchange, v inflight.Verdict) error {
	switch v {
	case inflight.Gone:
		return errClientGone
	case inflight.Late:
		return fmt.Errorf("%w, waiting for room among the requests in flight", errTimeoutAfter(x))
	}
	return nil
}

// full is a request for which there is no room now.
func full(b *InFlight, v inflight.Verdict) error {
	reason := "limit of requests in flight reached: " + b.Name
	if v == inflight.CallerFull {
		reason = "caller's limit of requests in flight reached: " + b.PerCallerName
	}
	return &rejection{status: http.StatusServiceUnavailable, flags: "UO", reason: reason, grpc: 14} // UNAVAILABLE
}

// Load is what an Inbound counts of requests in flight.
type Load struct {
	InFlight, Working  int    // now, where a policy has them counted
	Waited             uint64 // for one that ended, before they were let in or not
	Crowded, Adapted   uint64 // refused by fixed limits, and by adaptive ones
	Callers            int    // that are connected
	Strangers          uint64 // connections of callers that were too many to be told apart
	CallersConnections uint64 // refused because their caller had as many as it may
	Adaptive           bool   // whether what follows is in force
	Control            gradient.State
}

// Load is how it is now.
func (in *Inbound) Load() Load {
	g := &in.guards
	l := Load{
		InFlight: in.whole.Now(), Working: in.working.Now(), Waited: in.whole.Waited() + in.working.Waited(),
		Crowded: g.crowded.Load(), Adapted: g.adapted.Load(),
		Callers: in.callers.Len(), Strangers: in.callers.Crowded(), CallersConnections: in.overCaller.Load(),
	}
	if in.deps.Guard == nil {
		return l
	}
	if guard := in.deps.Guard(); guard != nil && guard.Adaptive != nil {
		l.Adaptive, l.Control = true, guard.Adaptive.Control.State()
	}
	return l
}
