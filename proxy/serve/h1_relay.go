package serve

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/pool"
)

// settling is how long the rest of a request may take after the end of its answer,
// before it is given up and the connection with it.
const settling = 20 * time.Millisecond

// relay implements codec.
func (h *h1) relay(x *exchange) error {
	h.conn.LetBody()
	if h.far != nil {
		return h.relayOnH2(x)
	}
	return h.relayPlain(x, h.up)
}

// beginAnswer sends the head of the answer that h.res is, as the route changes it.
func (h *h1) beginAnswer(x *exchange) error {
	framing := h.frame()
	if x.out != nil {
		edit(&h.res.Head, x.out.response)
		edit(&h.res.Head, x.out.always)
	}
	h.begun = true
	if err := h.out.Response(&h.res, framing); err != nil {
		return errClientGone
	}
	h.letStream()
	return nil
}

// relayPlain is relay for an answer of HTTP/1.1.
func (h *h1) relayPlain(x *exchange, up *pool.Conn) error {
	h.blame(x)
	if !x.tryEnd.IsZero() { // it bounded the head only
		if err := up.SetDeadline(x.deadline); err != nil {
			return errAnswerCut
		}
	}
	if h.res.Status == http.StatusSwitchingProtocols {
		return h.tunnel(x, up)
	}
	if h.res.Has(http1.KeepAlive) {
		up.Pool().Announced(keptFor(h.res.Get(http1.KeepAlive)))
	}
	if err := h.beginAnswer(x); err != nil {
		return err
	}
	n, readErr, writeErr := http1.Copy(&h.out, &up.In)
	x.rec.BytesOut += n
	if writeErr == nil && readErr == nil {
		writeErr = errors.Join(h.out.End(h.trailers(up)), h.out.Flush())
	}
	h.settleUpload(settling)
	h.stopUpload()
	switch {
	case x.ctx.Err() != nil || writeErr != nil:
		return errClientGone
	case readErr != nil:
		h.out.Flush() // the client is to see how far it came; it is cut off in any case
		return cut(x, readErr)
	}
	h.giveBack(up)
	return nil
}

// lasting implements codec.
func (h *h1) lasting() bool {
	return h.res.Status == http.StatusSwitchingProtocols || lastingType(h.res.Get(http1.ContentType))
}

// letStream ends the watch over an answer that is a stream of events.
func (h *h1) letStream() {
	if h.watch.every > 0 && h.lasting() {
		h.watch.leave()
	}
}

// keptFor is the timeout of a Keep-Alive field, "timeout=5, max=100"; 0 if there is none.
func keptFor(field string) time.Duration {
	for part := range strings.SplitSeq(field, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || !strings.EqualFold(name, "timeout") {
			continue
		}
		if seconds, err := strconv.ParseUint(value, 10, 16); err == nil {
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

// cut is an answer that ended before its end.
func cut(x *exchange, err error) error {
	if !x.deadline.IsZero() && !time.Now().Before(x.deadline) {
		return fmt.Errorf("%w: %w", errTimeoutAfter(x), errAnswerCut)
	}
	return fmt.Errorf("%w: %w", errAnswerCut, err)
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// giveBack returns the connection to its pool if it can carry another request.
func (h *h1) giveBack(up *pool.Conn) {
	if h.in.Done() && h.res.KeepAlive && (h.adopted || up.Out.Complete()) && len(up.In.Buffered()) == 0 {
		h.detach()
		if h.x.ctx.Err() != nil { // gone was here first, and left it a deadline in the past
			up.Discard()
			return
		}
		up.Pool().Put(up)
	}
}

// blame notes who made the response: the sidecar at the other end says so. What an
// app, or anybody else, says of that kind is not believed.
func (h *h1) blame(x *exchange) {
	x.rec.GeneratedBy = "app"
	if !x.answer.sidecar {
		h.res.Drop(http1.SightlineReason)
		h.res.Drop(http1.SightlineFlags)
		return
	}
	if h.res.Has(http1.SightlineReason) {
		x.rec.GeneratedBy = "peer"
		x.rec.Reason = strings.Clone(h.res.Get(http1.SightlineReason))
	}
}

// trailers are the lines of the answer's, those of whoever is no sidecar without what only a sidecar may say.
func (h *h1) trailers(up *pool.Conn) []byte {
	lines := up.In.Trailers()
	if len(lines) == 0 || h.x.answer.sidecar {
		return lines
	}
	kept := lines[:0]
	for line := range bytes.SplitAfterSeq(lines, []byte("\n")) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("x-sightline-reason")) || bytes.EqualFold(name, []byte("x-sightline-flags")) {
			continue
		}
		kept = append(kept, line...)
	}
	return kept
}

// frame edits the head of the answer for the client's connection and returns how
// its body will be framed there.
func (h *h1) frame() http1.Framing {
	h.res.Clean()
	h.settleUpload(time.Millisecond)
	framing := h.res.Framing
	if framing == http1.Chunked || framing == http1.UntilClose {
		framing = http1.Chunked
		if h.req.Minor == 0 {
			framing = http1.UntilClose
		} else {
			h.res.Set(http1.TransferEncoding, "chunked")
		}
	}
	if !h.req.KeepAlive || framing == http1.UntilClose || h.conn.Draining() || h.uploading() || !h.in.Done() {
		h.closing, h.clean = true, true
	}
	switch {
	case h.closing:
		h.res.Set(http1.Connection, "close")
	case h.req.Minor == 0:
		h.res.Set(http1.Connection, "keep-alive")
	}
	return framing
}
