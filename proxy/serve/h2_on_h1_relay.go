package serve

import (
	"errors"
	"io"
	"os"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
)

// relayOnH1 is relay for an answer of HTTP/1.1.
func (h *h2) relayOnH1(x *exchange) error {
	t := h.h1
	h.res = &t.out
	h.blame(x)
	if x.out != nil {
		editH2(h.res, x.out.response)
	}
	if !x.tryEnd.IsZero() { // it bounded the head only
		if err := t.conn.SetDeadline(x.deadline); err != nil {
			return errAnswerCut
		}
	}
	if t.res.Has(http1.KeepAlive) {
		t.conn.Pool().Announced(keptFor(t.res.Get(http1.KeepAlive)))
	}
	h.begun = true
	if t.conn.In.Done() {
		h.down.AnswerOnly(h.res)
		h.giveBackOnH1()
		return nil
	}
	h.down.Answer(h.res)
	err := h.bodyOnH1(x, t)
	if err == nil {
		h.giveBackOnH1()
	}
	return err
}

// bodyOnH1 passes the body on, to the end of the stream.
func (h *h2) bodyOnH1(x *exchange, t *onH1) error {
	for {
		if !t.conn.In.Ready() {
			h.down.Flush()
		}
		p, err := t.conn.In.Next()
		switch {
		case errors.Is(err, io.EOF):
			return h.endOnH1(x, trailersOf(t.conn.In.Trailers()))
		case err != nil && x.ctx.Err() != nil:
			return h.gone()
		case err != nil:
			h.code = http2.Internal
			if errors.Is(err, os.ErrDeadlineExceeded) {
				h.code = http2.Cancel
			}
			return cut(x, err)
		}
		x.rec.BytesOut += uint64(len(p))
		for len(p) > 0 {
			n := h.down.Send(p)
			if p = p[n:]; n == 0 {
				if err := h.awaitClient(x); err != nil {
					return err
				}
			}
		}
	}
}

func (h *h2) endOnH1(x *exchange, trailers *http2.Head) error {
	if trailers != nil {
		x.noteTrailers(trailers)
		h.down.SendTrailers(trailers)
		return nil
	}
	for {
		if _, done := h.down.SendLast(nil); done {
			return nil
		}
		if err := h.awaitClient(x); err != nil {
			return err
		}
	}
}

// awaitClient waits until the client takes more.
func (h *h2) awaitClient(x *exchange) error {
	if err := h.clientEnded(); err != nil {
		return err
	}
	if h.wait(x.deadline) {
		h.code = http2.Cancel
		return cut(x, errTimeout)
	}
	return nil
}

// giveBackOnH1 returns the connection to its pool if it can carry another request.
func (h *h2) giveBackOnH1() {
	t := h.h1
	t.endUpload()
	if !t.unhook() || !t.whole || !t.res.KeepAlive || !t.conn.Out.Complete() || len(t.conn.In.Buffered()) > 0 {
		h.dropOnH1()
		return
	}
	h.h1 = nil
	t.head.Close()
	t.conn.Pool().Put(t.conn)
}
