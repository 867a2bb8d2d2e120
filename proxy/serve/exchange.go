package serve

import (
	"context"
	"errors"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/token"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// exchange is one request on its way through the layers, and what becomes of it.
// The codec that read it fills in the first group and reuses the exchange for its
// next request; each layer adds what the ones below need.
type exchange struct {
	ctx        context.Context // ends when the client has gone
	via        codec
	rec        emit.Record
	ask        route.Request
	idempotent bool
	extended   bool  // CONNECT names a protocol (RFC 8441)
	malformed  error // the request cannot be understood; it only gets an answer
	fixed      mesh.ServiceName
	port       uint16            // that the connection is for; 0 where the request says, or its first
	app        *appPort          // inbound only: where the request is for; nil is a port that the app has not
	caller     *authorize.Caller // inbound only
	seat       *inflight.Caller  // inbound only: the same, as limits count it
	trace      [55]byte          // the traceparent for the next hop
	b3         emit.B3Fields     // the same in B3's words, if the request came with such
	id         [36]byte          // the x-request-id, if it is made here

	guard    *Guard          // inbound only; nil enforces nothing
	token    *token.Verified // inbound only; nil without one
	adaptive *Adaptive       // inbound only: what counts this request as worked on; nil is nothing
	route    *route.Route
	deadline time.Time // over all tries; zero is none
	tryEnd   time.Time // until the head of this try's answer; zero is none
	fresh    bool      // kept connections have ended too often for another of them
	tried    []*upstream.Instance
	race     *race // with a second try; nil is none
	lease    upstream.Lease
	leased   bool
	cookied  bool         // the last of out.response sets the balancer's cookie
	reported bool         // the lease's outcome is told already
	stream   bool         // of bytes: it has no method, path or status
	asks     route.Stream // of a stream
	opening  emit.Sink    // of a stream: what has not been told yet that it is open
	sent     time.Time    // start of the present try
	answer   answer

	out      *changes      // made to the messages as they are passed on; nil is none
	changes  changes       // what out points to
	edits    []route.Edit  // memory for changes
	tags     []byte        // memory for those of the span
	received bool          // the request has come to its end
	slow     bool          // some of the request was waited for
	heard    []mesh.Header // of the answer, for taps; nil if none asks
	resumed  time.Time     // when an injected delay was over; zero if there was none
}

// changes is what the route's rules make of a request and of its answer. The codecs
// read it when they write, for each try anew.
type changes struct {
	path      string       // with query; empty is as it came
	authority string       // empty is as it came
	request   []route.Edit // shared, not to be changed
	response  []route.Edit // shared, not to be changed
	always    []route.Edit // to the answer after those, the mesh's own answers included
}

// change returns the changes to be made, for a layer to add to.
func (x *exchange) change() *changes {
	x.out = &x.changes
	return x.out
}

// answer is what layers may know of a response whose head has arrived.
type answer struct {
	status int
	grpc   int // from the head; -1 when it is not there
	// after is how long the answer asks to be left alone; 0 if it does not.
	after time.Duration
	// sidecar says that the answer came from a sidecar, which has proved to be one: only
	// then is believed what is said in a sidecar's name.
	sidecar bool
	// overloaded says that the sidecar at the other end made the answer, because of a
	// limit of its own.
	overloaded bool
	// limited says that it made the answer because requests came too often.
	limited bool
	// unseen says that the sidecar at the other end made the answer, because it could
	// not connect to its app.
	unseen bool
	// late says that the sidecar at the other end made the answer, or its trailers,
	// because the time of the exchange was over there.
	late bool
}

// peerMade notes what the sidecar at the other end says of an answer that it made
// itself, by its flags.
func (a *answer) peerMade(flags string) {
	a.unseen = flags == unconnected
	a.overloaded = flags == limitReached
	a.limited = flags == tooOften
}

// tooOften are the flags of an answer that a sidecar makes when its limit of rate is used up.
const tooOften = "RL"

// limitReached are the flags of an answer that a sidecar makes when it has no room.
const limitReached = "UO"

// outOfTime are the flags of an answer, or of trailers, that a sidecar makes when the
// time of the exchange is over.
const outOfTime = "UT"

// unconnected are the flags of an answer that a sidecar makes when it cannot connect
// to its app. What an app itself says in that field is never passed on.
const unconnected = "UF"

// codec is what differs between protocols: it holds a request and, after a send
// that worked, the head of the answer.
type codec interface {
	// send passes the request, changed by x.out, to the other end of the link and
	// returns when the head of an answer is there, or a *broken that says how far it came.
	send(x *exchange, to *link) (answer, error)
	// repeatable reports whether send may be called again for the same request. An
	// answer that it may have brought is dropped by that.
	repeatable() bool
	// lasting reports whether the answer that send brought may go on for as long as it
	// likes, as those of streams do.
	lasting() bool
	// relay passes the answer, changed by x.out, on to the client, to its end.
	relay(x *exchange) error
	// refuse answers in the mesh's own name, if an answer has not begun.
	refuse(x *exchange, f fault)
	// answer answers as a rule says, changed by x.out. No try is under way.
	answer(x *exchange, a *route.Answer) error
	// adopt makes the reply to a letter of copy's the answer, in place of what send has
	// brought.
	adopt(x *exchange, r beginning) error
	// copy is the request, changed by x.out, to be sent on its own; nil when its body
	// has not wholly come, or more of it than is held.
	copy(x *exchange, to address) letter
	// fields are the request's, as they are passed on.
	fields(yield func(name, value string) bool)
	// answerFields are those of the answer that send has brought.
	answerFields(yield func(name, value string) bool)
}

// reset makes the exchange ready for another request of the same connection.
func (x *exchange) reset() {
	tried, tries, header, edits, tags := x.tried[:0], x.rec.Tries[:0], x.ask.Header, x.edits[:0], x.tags
	clear(x.tried)
	*x = exchange{ctx: x.ctx, via: x.via, fixed: x.fixed, port: x.port, app: x.app, caller: x.caller, seat: x.seat, tried: tried, edits: edits, tags: tags}
	x.ask.Header, x.answer.grpc = header, -1
	x.rec = emit.Record{Start: time.Now(), Tries: tries, GRPCStatus: -1}
}

// settle tells the instance's breaker and balancer what became of the try. Only
// the first call after a pick counts.
func (x *exchange) settle(kind upstream.Kind, took time.Duration) {
	if !x.leased {
		return
	}
	x.leased = false
	if x.reported {
		x.reported = false
		x.lease.Release()
		return
	}
	grpc := x.answer.grpc
	if grpc < 0 {
		grpc = x.rec.GRPCStatus // from the trailers
	}
	x.lease.Done(upstream.Outcome{
		Took: took, Status: x.answer.status, GRPCStatus: grpc, RetryAfter: x.answer.after, Kind: kind,
	})
}

// whole notes that the request has come to its end.
func (x *exchange) whole() {
	if x.slow && !x.received {
		x.rec.Received = time.Since(x.rec.Start)
	}
	x.received = true
}

// unserved notes that the try has waited in vain for something to be sent on.
func (x *exchange) unserved() { x.rec.Waited += time.Since(x.sent) }

// taken tells the instance's breaker and balancer that it has taken a stream, which
// may go on for long: how it ends is between the two apps.
func (x *exchange) taken(took time.Duration) {
	if x.leased && !x.reported {
		x.reported = true
		x.lease.Report(upstream.Outcome{Took: took, GRPCStatus: -1, Kind: upstream.Success})
	}
}

// broken is a try that brought no answer.
type broken struct {
	end   retry.End
	cause error
	// garbled is set when bytes came that are no HTTP response.
	garbled bool
	// kept is set when the try met the end of a connection that was kept from before:
	// when the other side ends those, that says nothing of how it fares.
	kept bool
}

func (b *broken) Error() string { return b.cause.Error() }
func (b *broken) Unwrap() error { return b.cause }

// How an exchange ends without an answer for other reasons than a broken try.
var (
	errClientGone  = errors.New("client closed the connection")
	errSlowRequest = errors.New("request did not come in time")
	errTimeout     = errors.New("route timeout")
	errQueued      = errors.New("in the queue for a connection") // of a limit: no instance's fault
	errNotDone     = errors.New("method is not supported")
	errAnswerCut   = errors.New("answer broke off")
	errBadHostName = errors.New("no service name")
)

// kindOf is what an error of a try means for its instance.
func kindOf(err error) upstream.Kind {
	if b, ok := errors.AsType[*broken](err); ok {
		switch {
		case b.end == retry.Withheld:
			return upstream.Overflow
		case b.end == retry.Unsent && b.kept:
			return upstream.Canceled
		}
		return upstream.Failure
	}
	switch {
	case errors.Is(err, errQueued):
		return upstream.Overflow
	case errors.Is(err, errTimeout), errors.Is(err, errAnswerCut):
		return upstream.Failure
	case err != nil: // the client's doing
		return upstream.Canceled
	}
	return upstream.Success
}

// outcomeOf is what an error of a try, or its answer, means for a retry.
func outcomeOf(x *exchange, err error) retry.Outcome {
	o := retry.Outcome{End: retry.Answered, Status: x.answer.status, GRPCStatus: x.answer.grpc, Limited: x.answer.limited, Idempotent: x.idempotent}
	b, ok := errors.AsType[*broken](err)
	switch {
	case ok:
		o.End = b.end
	case err != nil:
		o.End = retry.Withheld
	}
	return o
}

// idempotent reports whether a method promises that twice does no more than once.
func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}
