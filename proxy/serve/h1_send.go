package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// repeatable reports whether the body so far is held, so that it can be sent again.
// It ends what is still being sent. It implements codec.
func (h *h1) repeatable() bool {
	h.stopUpload()
	return h.repeat && !h.replay.lost && h.x.ctx.Err() == nil
}

// send implements codec.
func (h *h1) send(x *exchange, to *link) (answer, error) {
	h.drop()
	if to.app.onlyHTTP2() {
		return h.sendOnH2(x, to)
	}
	return h.sendPlain(x, to)
}

// sendPlain is send over HTTP/1.1.
func (h *h1) sendPlain(x *exchange, to *link) (answer, error) {
	up, err := connect(x, to)
	if err != nil {
		return answer{grpc: -1}, err
	}
	if !h.attach(up) {
		h.spare()
		return answer{grpc: -1}, errClientGone
	}
	if err := limit(x, up); err != nil {
		return answer{grpc: -1}, h.failed(x, to, err)
	}
	h.change(x)
	writeErr := h.write(up)
	if writeErr != nil && (up.Out.Sent() == 0 || h.upload.clientErr != nil) {
		return answer{grpc: -1}, h.failed(x, to, writeErr)
	}
	if to.polite {
		up.In.FromSidecar()
	}
	// Even if writing broke off there may be an answer: one that came early.
	if err := h.readHeadOr(x, up); err != nil {
		return answer{grpc: -1}, h.failed(x, to, err)
	}
	a := answer{status: h.res.Status, grpc: -1, sidecar: to.proved()}
	if a.sidecar && h.res.Has(http1.SightlineFlags) {
		a.peerMade(h.res.Get(http1.SightlineFlags))
	}
	a.after = h.pauseAsked()
	return a, nil
}

// pauseAsked is how long the answer asks to be left alone; 0 if it does not.
func (h *h1) pauseAsked() time.Duration {
	if !asks(h.res.Status) {
		return 0
	}
	return retryAfter(h.res.Get(http1.RetryAfter), time.Now())
}

// connect borrows a connection in the time there is.
func connect(x *exchange, to *link) (*pool.Conn, error) {
	ctx := x.ctx
	if end := x.until(); !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	get := to.h1.Get
	if x.fresh {
		get = to.h1.GetFresh
	}
	up, err := get(ctx)
	if err != nil {
		x.unserved()
		return nil, unopened(x, err)
	}
	x.rec.Waited += up.Waited
	return up, nil
}

// until is when this try must have brought the head of an answer; zero is never.
func (x *exchange) until() time.Time {
	if x.tryEnd.IsZero() || (!x.deadline.IsZero() && x.deadline.Before(x.tryEnd)) {
		return x.deadline
	}
	return x.tryEnd
}

func limit(x *exchange, up *pool.Conn) error {
	end := x.until()
	if end.IsZero() {
		return nil
	}
	up.Deadline = true
	return up.SetDeadline(end)
}

// write sends the head and what there is of the body, in one go if that is all.
// The rest of a body that may take its time goes its own way, so that an answer
// can come before its end.
func (h *h1) write(up *pool.Conn) error {
	if err := up.Out.Request(&h.req); err != nil {
		return err
	}
	if h.replay.size > 0 {
		if err := up.Out.Data(h.replay.held()); err != nil {
			return err
		}
	}
	for !h.in.Done() && (h.in.Ready() || h.short()) {
		if err := h.pass(up); err != nil {
			return err
		}
	}
	if h.in.Done() {
		h.x.whole()
		return errors.Join(up.Out.End(h.in.Trailers()), up.Out.Flush())
	}
	if err := up.Out.Flush(); err != nil {
		return err
	}
	h.startUpload(up)
	return nil
}

// short reports whether so little of the body is missing that it is waited for in
// place, although an answer could come before it.
func (h *h1) short() bool {
	return h.req.Framing == http1.Length && h.in.Left() <= maxReplay && !h.req.ExpectContinue
}

// readHead reads the head of the answer and passes on those before it.
func (h *h1) readHead(up *pool.Conn) error {
	for {
		if err := up.In.ReadResponse(&h.res, h.req.Method); err != nil {
			return err
		}
		if h.res.Status == http.StatusSwitchingProtocols && h.req.Upgrade == "" {
			return &http1.Error{Status: http.StatusBadGateway, Reason: "protocol switched without being asked to"}
		}
		if !h.res.Interim() {
			return nil
		}
		if h.req.Minor == 0 {
			continue
		}
		h.repeat = h.repeat && h.res.Status == http.StatusContinue
		h.res.Clean()
		if err := errors.Join(h.out.Response(&h.res, http1.NoBody), h.out.Flush()); err != nil {
			return errClientGone
		}
	}
}

// failed says what an error on the way to the head of an answer means. It ends the
// use of the connection.
func (h *h1) failed(x *exchange, to *link, err error) error {
	up := h.up
	early := len(up.In.Buffered()) > 0
	h.stopUpload() // before what it has sent is looked at
	unsent := up.Out.Sent() == 0 || to.unread(err, early)
	if !early {
		to.countRace(up, err)
	}
	h.letGo(early)
	if x.ctx.Err() != nil || errors.Is(err, errClientGone) {
		return errClientGone
	}
	if cause := h.upload.clientErr; cause != nil {
		return clientFault(cause)
	}
	ended := brokenBy(x, err, unsent)
	if b, ok := errors.AsType[*broken](ended); ok {
		b.kept = up.Reused
	}
	return ended
}

// unread reports whether a try that ended before an answer began was not read at the
// other end. Early says that something of an answer has come.
func (l *link) unread(err error, early bool) bool {
	return l.proved() && errors.Is(err, io.EOF) && !early
}

// countRace counts a try without an answer if it met the end of a kept connection.
func (l *link) countRace(up *pool.Conn, err error) {
	if up.Reused && l.races != nil && endedByPeer(err) {
		l.races.Add(1)
	}
}

// endedByPeer reports whether the other side closed or reset the connection.
func endedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// brokenBy says how far a try came that brought no answer. A request that was
// never sent is Unsent, whatever the error.
func brokenBy(x *exchange, err error, unsent bool) error {
	if errors.Is(err, errOvertaken) {
		return err
	}
	b := brokenOff(err, unsent)
	if b.end == retry.TimedOut && !x.deadline.IsZero() && !time.Now().Before(x.deadline) {
		return errTimeoutAfter(x)
	}
	return b
}

// brokenOff is brokenBy where only the time of one try can be over.
func brokenOff(err error, unsent bool) *broken {
	b := &broken{end: retry.Reset, cause: fmt.Errorf("no answer: %w", err)}
	_, b.garbled = errors.AsType[*http1.Error](err)
	switch {
	case b.garbled:
		b.cause = fmt.Errorf("answer is no proper HTTP: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.end = retry.TimedOut
	case unsent:
		b.end = retry.Unsent
	}
	return b
}

// errTimeoutAfter says how long the route allowed.
func errTimeoutAfter(x *exchange) error {
	since := x.rec.Start
	if !x.resumed.IsZero() {
		since = x.resumed
	}
	return fmt.Errorf("%w after %v", errTimeout, x.deadline.Sub(since).Round(time.Millisecond))
}

// clientFault is what a failure to read the request's body means.
func clientFault(err error) error {
	if e, ok := errors.AsType[*http1.Error](err); ok {
		return e
	}
	if isTimeout(err) {
		return fmt.Errorf("body: %w", errSlowRequest)
	}
	return errClientGone
}
