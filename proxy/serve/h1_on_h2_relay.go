package serve

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

func (h *h1) interimOnH2(t *onH2, early *http2.Head) error {
	if h.req.Minor == 0 {
		return nil
	}
	h.repeat = h.repeat && early.Status == http.StatusContinue
	if err := h.render(t, early, ""); err != nil {
		return err
	}
	if err := errors.Join(h.out.Response(&h.res, http1.NoBody), h.out.Flush()); err != nil {
		return errClientGone
	}
	return nil
}

// answerOnH2 makes h.res of the head.
func (h *h1) answerOnH2(t *onH2, head *http2.Head) error {
	framing := ""
	bodyless := h.req.Method == http.MethodHead || head.Status == http.StatusNoContent || head.Status == http.StatusNotModified
	if head.Get("content-length") == "" && !bodyless {
		framing = "transfer-encoding: chunked\r\n"
		if t.stream.Finished() {
			framing = "content-length: 0\r\n"
		}
	}
	return h.render(t, head, framing)
}

// render makes h.res of a head, read back by the strict parser: what that refuses is
// not passed on.
func (h *h1) render(t *onH2, head *http2.Head, framing string) error {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(head.Status) + " " + http.StatusText(head.Status) + "\r\n" + framing)
	for i := range head.Fields {
		b.WriteString(head.Fields[i].Name + ": " + head.Fields[i].Value + "\r\n")
	}
	b.WriteString("\r\n")
	t.head.Close()
	t.head.Reset(&b)
	if err := t.head.ReadResponse(&h.res, h.req.Method); err != nil {
		return &broken{end: retry.Reset, cause: fmt.Errorf("answer cannot be put into HTTP/1.1: %w", err), garbled: true}
	}
	return nil
}

// relayOnH2 is relay for an answer of HTTP/2.
func (h *h1) relayOnH2(x *exchange) error {
	t := h.far
	h.blame(x)
	if err := h.beginAnswer(x); err != nil {
		return err
	}
	err := h.bodyOnH2(x, t)
	h.settleUpload(settling)
	h.stopUpload()
	h.drop()
	return err
}

func (h *h1) bodyOnH2(x *exchange, t *onH2) error {
	for {
		p, ended := t.stream.Data()
		if len(p) > 0 {
			x.rec.BytesOut += uint64(len(p))
			if err := h.out.Data(p); err != nil {
				return errClientGone
			}
			t.stream.Took(len(p))
		}
		switch {
		case ended:
			if err := errors.Join(h.out.End(appTrailers(t.stream.Trailers())), h.out.Flush()); err != nil {
				return errClientGone
			}
			return nil
		case len(p) > 0:
			continue
		case x.ctx.Err() != nil:
			return errClientGone
		}
		if err := t.stream.Err(); err != nil {
			h.out.Flush() // the client is to see how far it came; it is cut off in any case
			return cut(x, err)
		}
		if h.out.Flush() != nil {
			return errClientGone
		}
		t.stream.Flush()
		if t.wait(x.deadline) {
			return cut(x, errTimeout)
		}
	}
}

// appTrailers are lines of an app's trailers, without what only a sidecar may say.
func appTrailers(t *http2.Head) []byte {
	if t != nil {
		t.Drop("x-sightline-reason")
		t.Drop("x-sightline-flags")
	}
	return trailerLines(t)
}
