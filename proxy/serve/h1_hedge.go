package serve

import (
	"context"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/pool"
)

// readHeadOr is readHead, beside which there may be a second try.
func (h *h1) readHeadOr(x *exchange, up *pool.Conn) error {
	h.awaitHedged(x, up)
	err := h.readHead(up)
	if x.race.settle() {
		return errOvertaken
	}
	return err
}

// awaitHedged waits for the answer to begin, until it is time for a second try, and
// begins that. The whole request has left.
func (h *h1) awaitHedged(x *exchange, up *pool.Conn) {
	at := x.race.due(x.until())
	if at.IsZero() || h.uploading() || !h.in.Done() || !h.readUntil(up, at) {
		return
	}
	err := up.In.Await()
	if !h.readUntil(up, x.until()) || err == nil || !isTimeout(err) {
		return
	}
	x.race.begin(x, func() { up.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck // whatever blocks on it is to return
}

// readUntil bounds reading the answer, and reports whether somebody still wants it.
func (h *h1) readUntil(up *pool.Conn, end time.Time) bool {
	h.mu.Lock() // gone and stall set deadlines, too
	defer h.mu.Unlock()
	if h.x.ctx.Err() != nil {
		return false
	}
	up.Deadline = true
	return up.SetReadDeadline(end) == nil
}

// h1Reply is the beginning of an answer on a connection of its own.
type h1Reply struct {
	up  *pool.Conn
	res http1.Response
}

func (r *h1Reply) drop() { r.up.Discard() }

// begin implements letter.
func (l *h1Letter) begin(ctx context.Context, to *link) (beginning, answer, error) {
	a := answer{grpc: -1}
	up, err := to.h1.Get(ctx)
	if err != nil {
		return nil, a, unconnectedBy(err)
	}
	interrupt := context.AfterFunc(ctx, func() { up.Close() })
	if to.polite {
		up.In.FromSidecar()
	}
	r := &h1Reply{up: up}
	n, err := up.Write(l.raw)
	if err == nil {
		err = l.readHead(up, &r.res)
	}
	if !interrupt() || err != nil {
		return nil, a, l.failed(ctx, to, up, n > 0, err)
	}
	a = l.answered(to, &r.res)
	if asks(a.status) {
		a.after = retryAfter(r.res.Get(http1.RetryAfter), time.Now())
	}
	return r, a, nil
}

// adopt implements codec.
func (h *h1) adopt(x *exchange, r beginning) error {
	h.drop()
	mine := r.(*h1Reply)
	h.res, h.adopted = mine.res, true
	if !h.attach(mine.up) {
		return errClientGone
	}
	if err := limit(x, mine.up); err != nil {
		return &http1.Error{Status: http.StatusBadGateway, Reason: err.Error()}
	}
	return nil
}
