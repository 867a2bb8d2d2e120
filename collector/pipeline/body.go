package pipeline

import (
	"errors"
	"io"
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/throttle"
)

const (
	// inFlight bounds the memory of the requests over HTTP that are decoded and not yet on
	// disk. Others wait with their bodies: that sidecars send at the same moment must not
	// make them all large at the same moment.
	inFlight = 24 << 20
	// decoded is how much more memory a request takes than its body has bytes, about.
	decoded = 5
)

// body is what a request over HTTP says, on its way to the receiver. Where its last byte is
// read, before it is decoded, it is refused if its tenant sends too fast, and waits for room.
type body struct {
	io.ReadCloser

	request  *http.Request
	front    *front
	exchange *exchange
	signal   string
	tally    *tally // nil where items cannot be counted without decoding
	ended    bool
	held     int64
}

// Read implements io.Reader.
func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.exchange.sender.Bytes += n
	if b.tally != nil {
		b.tally.read(into[:n])
	}
	if !errors.Is(err, io.EOF) || b.ended {
		return n, err
	}
	b.ended = true
	if err := b.charge(); err != nil {
		return n, err
	}
	if err := b.wait(); err != nil {
		return n, err
	}
	return n, io.EOF
}

// charge charges the sender's tenant, if the request is of one whatever it says, and its items
// are known. Otherwise that is done when it is decoded.
func (b *body) charge() error {
	s := &b.exchange.sender
	if b.tally == nil || !b.tally.whole() || s.Namespace == "" && s.Claim == "" {
		return nil
	}
	err := b.front.admission.Charge(b.signal, *s, b.tally.items)
	if refused, ok := errors.AsType[*throttle.RefusedError](err); ok {
		return b.exchange.answer(tooFast(b.front.ledger, b.signal, b.tally.items, refused))
	}
	if err == nil {
		s.Charged, s.Counted = true, b.tally.items
	}
	return err
}

func (b *body) wait() error {
	need := min(decoded*int64(b.exchange.sender.Bytes), inFlight)
	if err := b.front.room.Acquire(b.request.Context(), need); err != nil {
		return err
	}
	b.held = need
	return nil
}

// release gives the room back, once the request is answered.
func (b *body) release() {
	b.front.room.Release(b.held)
	b.held = 0
}

// tooFast counts a request that is refused for its tenant's rate, and is the answer to it.
func tooFast(l *account.Ledger, signal string, items int, r *throttle.RefusedError) error {
	l.RefusedFor(signal, r.Reason, items)
	return laterIn(r.Wait, codes.ResourceExhausted, r)
}
