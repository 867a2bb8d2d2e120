package pipeline

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

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
	// readTime is how long a body may be on its way: one that stalls has room that others need.
	readTime = 30 * time.Second
	// waitingAgain is when the sender of one that did not fit may come again: others are
	// decoded within milliseconds.
	waitingAgain = time.Second
	// noRoom and stalled are the reasons for which such are refused.
	noRoom  = "no-room"
	stalled = "stalled"
)

var (
	errNoRoom  = fmt.Errorf("more than %d MiB of requests, or three quarters of that of one tenant's, are read or wait to be decoded; come again in %s", waiting>>20, waitingAgain)
	errStalled = fmt.Errorf("the request's body did not come within %s", readTime)
)

// body is what a request over HTTP says, on its way to the receiver. It is refused if those
// that are read and wait have no room for it. Where its last byte is read, before it is decoded,
// it is refused if its tenant sends too fast, and waits for room to be decoded.
type body struct {
	io.ReadCloser

	request  *http.Request
	front    *front
	exchange *exchange
	tenant   string // whose room it takes
	signal   string
	tally    *tally // nil where items cannot be counted without decoding
	ended    bool
	kept     int64 // of the bytes that may be read or wait
	held     int64 // of the room for what is decoded
}

// Read implements io.Reader.
func (b *body) Read(into []byte) (int, error) {
	n, err := b.pass(into)
	if !b.keep(int64(n)) {
		return 0, b.refuse(into, err)
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

// pass reads and counts.
func (b *body) pass(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.exchange.sender.Bytes += n
	if b.tally != nil {
		b.tally.read(into[:n])
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = b.refused(stalled, errStalled)
	}
	return n, err
}

// refused counts what is known of a request that may come again soon, and is the answer to it.
func (b *body) refused(reason string, why error) error {
	items := 1 // at least, where it is not known: it is to be seen
	if b.tally != nil {
		items = max(items, b.tally.items)
	}
	b.front.ledger.RefusedFor(b.signal, reason, items)
	return b.exchange.answer(laterIn(waitingAgain, codes.Unavailable, why))
}

// keep reports whether there is room for n bytes more of the body.
func (b *body) keep(n int64) bool {
	if !b.front.intake.take(b.tenant, n) {
		return false
	}
	b.kept += n
	return true
}

// refuse reads what is left of the body for nothing, so that it is known how much is refused
// and the sender hears of it, and is the answer.
func (b *body) refuse(scratch []byte, err error) error {
	for err == nil {
		_, err = b.pass(scratch)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return b.refused(noRoom, errNoRoom)
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
	b.waited()
	return nil
}

// giveBack gives back what charge charged, if it did: the request comes to nothing.
func (b *body) giveBack() {
	s := &b.exchange.sender
	if s.Charged {
		b.front.admission.GiveBack(b.signal, *s, s.Counted)
		s.Charged, s.Counted = false, 0
	}
}

// waited makes room for others to be read.
func (b *body) waited() {
	b.front.intake.release(b.tenant, b.kept)
	b.kept = 0
}

// release gives all room back, once the request is answered, and what it was charged if it came
// to nothing before it was decided what it costs.
func (b *body) release() {
	if !b.exchange.decided {
		b.giveBack()
	}
	b.waited()
	b.front.room.Release(b.held)
	b.held = 0
}

// tooFast counts a request that is refused for its tenant's rate, and is the answer to it.
func tooFast(l *account.Ledger, signal string, items int, r *throttle.RefusedError) error {
	l.RefusedFor(signal, r.Reason, items)
	return laterIn(r.Wait, codes.ResourceExhausted, r)
}
