package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// onH2 is a try of an HTTP/1.1 request on a connection of HTTP/2, as an app that
// speaks nothing else needs it.
type onH2 struct {
	stream *http2.Stream
	wake   http2.Waker // of whoever awaits the answer
	more   http2.Waker // of the upload
	head   http1.Reader
	unhook func() bool
}

// sendOnH2 is send for such an app.
func (h *h1) sendOnH2(x *exchange, to *link) (answer, error) {
	t := &onH2{wake: http2.NewWaker(), more: http2.NewWaker()}
	h.change(x)
	ctx := x.ctx
	if end := x.until(); !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	out := translated(&h.req)
	var err error
	if h.in.Done() && h.replay.size == 0 {
		t.stream, err = to.h2.OpenOnly(ctx, out, t.wake)
	} else {
		t.stream, err = to.h2.Open(ctx, out, t.wake)
	}
	if err != nil {
		return answer{grpc: -1}, unopened(x, err)
	}
	h.far = t
	t.unhook = context.AfterFunc(x.ctx, t.wake.Wake)
	t.stream.SetSecond(t.more)
	t.stream.Flush()
	if !h.in.Done() || h.replay.size > 0 {
		h.uploadOnH2(t)
	}
	if err := h.awaitOnH2(x, t); err != nil {
		h.stopUpload()
		h.drop()
		return answer{grpc: -1}, err
	}
	return answer{status: h.res.Status, grpc: -1}, nil
}

// translated is a head of HTTP/2 with what q says.
func translated(q *http1.Request) *http2.Head {
	out := &http2.Head{Method: q.Method, Scheme: "http", Path: q.Path, Authority: q.Authority, Length: -1}
	if q.Target != "" {
		out.Path = q.Target
	}
	for name, value := range q.All() {
		switch name = strings.ToLower(name); name {
		case "host":
			out.Authority = strings.Clone(value)
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		default:
			out.Add(name, strings.Clone(value))
		}
	}
	return out
}

// uploadOnH2 sends the body while the answer is awaited.
func (h *h1) uploadOnH2(t *onH2) {
	h.upload = upload{done: make(chan struct{})}
	go func() { // stopUpload waits for it
		defer close(h.upload.done)
		if err := h.passAllOnH2(t); err != nil && h.upload.clientErr != nil {
			t.stream.Reset(http2.Cancel)
			t.stream.Flush()
			t.wake.Wake()
		}
	}()
}

func (h *h1) passAllOnH2(t *onH2) error {
	if err := t.send(h.replay.held()); err != nil {
		return err
	}
	for !h.in.Done() {
		p, err := h.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			h.upload.clientErr = err
			return err
		}
		if err := h.took(p); err != nil {
			return err
		}
		if err := t.send(p); err != nil {
			return err
		}
		if !h.in.Ready() {
			t.stream.Flush()
		}
	}
	h.x.received = true
	if trailers := trailersOf(h.in.Trailers()); trailers != nil {
		t.stream.SendTrailers(trailers)
	} else if _, done := t.stream.SendLast(nil); !done {
		if err := t.sendEnd(); err != nil {
			return err
		}
	}
	t.stream.Flush()
	return nil
}

// send sends all of p, when the windows allow it.
func (t *onH2) send(p []byte) error {
	for len(p) > 0 {
		n := t.stream.Send(p)
		if p = p[n:]; len(p) == 0 {
			break
		}
		if err := t.await(); err != nil {
			return err
		}
	}
	return t.stream.Err()
}

func (t *onH2) sendEnd() error {
	for {
		if _, done := t.stream.SendLast(nil); done {
			return nil
		}
		if err := t.await(); err != nil {
			return err
		}
	}
}

func (t *onH2) await() error {
	t.stream.Flush()
	if err := t.stream.Err(); err != nil {
		return err
	}
	<-t.more
	return nil
}

// stop ends the upload.
func (t *onH2) stop() {
	t.stream.Reset(http2.Cancel)
	t.more.Wake()
}

// end ends the use of the stream.
func (t *onH2) end() {
	t.unhook()
	t.stream.Reset(http2.Cancel)
	t.stream.Close()
	t.head.Close()
}

// awaitOnH2 waits for the head of the answer and passes on those before it.
func (h *h1) awaitOnH2(x *exchange, t *onH2) error {
	for {
		for early := t.stream.Interim(); early != nil; early = t.stream.Interim() {
			if err := h.interimOnH2(t, early); err != nil {
				return err
			}
		}
		if head := t.stream.Head(); head != nil {
			return h.answerOnH2(t, head)
		}
		if x.ctx.Err() != nil {
			return errClientGone
		}
		if err := t.stream.Err(); err != nil {
			h.stopUpload()
			if cause := h.upload.clientErr; cause != nil {
				return clientFault(cause)
			}
			return brokenStream(err)
		}
		if t.wait(x.until()) {
			return late(x)
		}
	}
}

func (t *onH2) wait(until time.Time) (late bool) {
	if until.IsZero() {
		<-t.wake
		return false
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-t.wake:
		return false
	case <-timer.C:
		return true
	}
}

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
			if err := errors.Join(h.out.End(trailerLines(t.stream.Trailers())), h.out.Flush()); err != nil {
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
