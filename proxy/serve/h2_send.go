package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// send implements codec.
func (h *h2) send(x *exchange, to *link) (answer, error) {
	h.drop(http2.Cancel)
	h.body.again()
	h.body.fill(x, h.down)
	if to.app.onlyHTTP1() {
		return h.sendOnH1(x, to)
	}
	if err := h.open(x, to); err != nil {
		return h.fallBack(x, to, err)
	}
	to.app.spokeHTTP2()
	err := h.awaitHead(x)
	if x.race.settle() {
		h.drop(http2.Cancel)
		return answer{grpc: -1}, errOvertaken
	}
	if err != nil {
		return answer{grpc: -1}, err
	}
	h.res = h.up.Head()
	a := answer{status: h.res.Status, grpc: -1, sidecar: to.proved()}
	if a.sidecar {
		a.peerMade(h.res.Get("x-sightline-flags"))
	}
	if h.back, h.ended = h.up.Data(); h.ended && len(h.back) == 0 && h.up.Trailers() == nil {
		a.grpc = grpcStatus(h.res) // of an answer that is nothing else
	}
	switch {
	case asks(a.status):
		a.after = retryAfter(h.res.Get("retry-after"), time.Now())
	case a.grpc == grpcExhausted || a.grpc == grpcUnavailable:
		a.after = pushback(h.res.Get("grpc-retry-pushback-ms"))
	}
	x.rec.BytesOut += uint64(len(h.back))
	return a, nil
}

// open begins the request on a connection of the link, in the time there is.
func (h *h2) open(x *exchange, to *link) error {
	ctx := x.ctx
	if end := x.until(); !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	var err error
	head := h.under(to, h.outgoing(x))
	if b := &h.body; b.all && len(b.pending()) == 0 && b.trailers == nil {
		h.up, err = to.h2.OpenOnly(ctx, head, h.wake)
		b.done = true
	} else {
		h.up, err = to.h2.Open(ctx, head, h.wake)
	}
	switch {
	case err == nil:
		x.rec.Waited += h.up.Waited()
		return nil
	case x.ctx.Err() != nil:
		return h.gone()
	case errors.Is(err, http2.ErrNotSpoken) && !to.polite:
		return err
	case errors.Is(err, http2.ErrNoConnect):
		return fmt.Errorf("CONNECT %s: %w: %w", h.req.Protocol, errNotDone, err)
	}
	return unopened(x, err)
}

// fallBack is send when the request could not be begun: over HTTP/1.1, if the reason is
// that the app does not speak HTTP/2, or may be.
func (h *h2) fallBack(x *exchange, to *link, err error) (answer, error) {
	answered, hungUp := errors.Is(err, http2.ErrNotSpoken), errors.Is(err, http2.ErrHungUp)
	if to.polite || !answered && !hungUp || hungUp && h.grpc || !to.app.mayNot() {
		x.unserved()
		return answer{grpc: -1}, err
	}
	h.body.again()
	a, err := h.sendOnH1(x, to)
	if answered || err == nil {
		to.app.refusedHTTP2()
	}
	return a, err
}

// gone is errClientGone, or what the client did wrong.
func (h *h2) gone() error {
	if err := h.clientEnded(); err != nil {
		return err
	}
	return errClientGone
}

// awaitHead sends the body until the head of an answer is there, which may come first.
func (h *h2) awaitHead(x *exchange) error {
	for {
		for early := h.up.Interim(); early != nil; early = h.up.Interim() {
			h.down.Answer(early)
		}
		if h.up.Head() != nil {
			return nil
		}
		if err := h.clientEnded(); err != nil {
			h.drop(h.code)
			return err
		}
		if err := h.up.Err(); err != nil {
			h.drop(http2.Cancel)
			return brokenStream(err)
		}
		if h.push(x) {
			continue
		}
		if x.race != nil && x.race.overtaken() {
			return errOvertaken
		}
		if h.hedged(x) {
			continue
		}
		x.slow = true
		if h.wait(x.until()) {
			h.drop(http2.Cancel)
			if h.idled {
				return errStalled
			}
			return late(x)
		}
	}
}

// late is a try, or an exchange, that has run out of time.
func late(x *exchange) error {
	if !x.deadline.IsZero() && !x.deadline.After(x.until()) {
		return errTimeoutAfter(x)
	}
	return &broken{end: retry.TimedOut, cause: errNoAnswer}
}

var errNoAnswer = errors.New("no answer in the time for one try")

// brokenStream says what the end of a stream before the head of an answer means.
func brokenStream(err error) error {
	b := &broken{end: retry.Reset, cause: fmt.Errorf("no answer: %w", err)}
	e, ok := errors.AsType[*http2.StreamError](err)
	switch {
	case !ok:
	case e.Unprocessed:
		b.end = retry.Refused
	case !e.Remote && !e.Lost:
		b.garbled = true
		b.cause = fmt.Errorf("answer is no proper HTTP: %w", err)
	}
	return b
}
