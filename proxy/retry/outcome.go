package retry

// End is how a try ended.
type End uint8

// The ends of a try, from the one that reached furthest to the one that never left.
const (
	// Answered: the head of a response arrived. Outcome.Status says which.
	Answered End = iota
	// TimedOut: the time for one try passed before the head of a response arrived.
	TimedOut
	// Reset: the connection ended after at least one byte of the request may have
	// been processed and before the head of a response arrived.
	Reset
	// Unsent: the connection was gone before the peer can have read the request, as
	// when a kept-alive connection was closed while it lay idle.
	Unsent
	// Refused: the peer said that it did not process the request.
	Refused
	// ConnectFailed: there was no connection to send the request on.
	ConnectFailed
	// Withheld: the sender's own limits kept the request from being sent. Never retried.
	Withheld
)

// Outcome is what became of one try.
type Outcome struct {
	End End
	// Status is the response's status code when End is Answered.
	Status int
	// GRPCStatus is the gRPC status when it stood in the head of the response (a
	// response without a message); -1 otherwise. A status in trailers comes too late.
	GRPCStatus int
	// Limited says that it is no answer of the app: the other end's limit of rate made it.
	Limited bool
	// Idempotent says that sending the request twice does no more than sending it once.
	Idempotent bool
}

// unprocessed reports whether the application provably never acted on the request,
// or acting on it twice would do no harm.
func (o Outcome) unprocessed() bool {
	switch o.End {
	case ConnectFailed, Refused, Unsent:
		return true
	case Reset:
		return o.Idempotent
	}
	return false
}

// broken reports whether no response came, for a reason that lies with the peer.
func (o Outcome) broken() bool { return o.End != Answered && o.End != Withheld }
