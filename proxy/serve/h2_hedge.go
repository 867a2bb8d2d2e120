package serve

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// h2Reply is the beginning of an answer on a stream of its own.
type h2Reply struct{ up *http2.Stream }

func (r *h2Reply) drop() {
	r.up.Reset(http2.Cancel)
	r.up.Close()
}

// begin implements letter.
func (l *h2Letter) begin(ctx context.Context, to *link) (beginning, answer, error) {
	wake := http2.NewWaker()
	up, err := l.open(ctx, to, wake)
	if err != nil {
		return nil, answer{grpc: -1}, err
	}
	r := &h2Reply{up}
	left, sent := l.body, l.bare()
	for up.Head() == nil || !sent {
		n := 0
		if !sent {
			n, sent = l.pass(up, left)
			left = left[n:]
		}
		if err := up.Err(); err != nil {
			r.drop()
			return nil, answer{grpc: -1}, brokenStream(err)
		}
		if n > 0 || sent && up.Head() != nil {
			continue
		}
		up.Flush()
		select {
		case <-wake:
		case <-ctx.Done():
			r.drop()
			return nil, answer{grpc: -1}, &broken{end: retry.TimedOut, cause: errors.Join(errNoAnswer, ctx.Err())}
		}
	}
	up.Flush()
	a := headOf(up)
	if a.sidecar = to.proved(); a.sidecar {
		a.peerMade(up.Head().Get("x-sightline-flags"))
	}
	return r, a, nil
}

// headOf is an answer whose head has come.
func headOf(up *http2.Stream) answer {
	a := answer{status: up.Head().Status, grpc: grpcStatus(up.Head())}
	switch {
	case asks(a.status):
		a.after = retryAfter(up.Head().Get("retry-after"), time.Now())
	case a.grpc == grpcExhausted || a.grpc == grpcUnavailable:
		a.after = pushback(up.Head().Get("grpc-retry-pushback-ms"))
	}
	return a
}

// open begins a stream for the letter.
func (l *h2Letter) open(ctx context.Context, to *link, wake http2.Waker) (*http2.Stream, error) {
	l.head.Scheme = cmp.Or(to.scheme, l.head.Scheme)
	open := to.h2.Open
	if l.bare() {
		open = to.h2.OpenOnly
	}
	up, err := open(ctx, &l.head, wake)
	if err != nil {
		return nil, unconnectedBy(err)
	}
	return up, nil
}

// adopt implements codec.
func (h *h2) adopt(x *exchange, r beginning) error {
	h.drop(http2.Cancel)
	h.up = r.(*h2Reply).up
	h.up.SetWaker(h.wake)
	h.res, h.body.done = h.up.Head(), true
	h.back, h.ended = h.up.Data()
	x.rec.BytesOut += uint64(len(h.back))
	return nil
}

// hedged waits, where a second try may begin, for news or until it is time for that, and
// reports whether there is something to look at.
func (h *h2) hedged(x *exchange) bool {
	at := x.race.due(x.until())
	if at.IsZero() || !h.body.done {
		return false
	}
	late := h.wait(at)
	if late && h.idled {
		return false
	}
	if late {
		x.race.begin(x, h.wake.Wake)
	}
	return true
}
