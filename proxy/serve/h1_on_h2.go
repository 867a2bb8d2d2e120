package serve

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
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
	out.Scheme = cmp.Or(to.scheme, out.Scheme)
	var err error
	if h.in.Done() && h.replay.size == 0 {
		t.stream, err = to.h2.OpenOnly(ctx, out, t.wake)
	} else {
		t.stream, err = to.h2.Open(ctx, out, t.wake)
	}
	if err != nil {
		x.unserved()
		return answer{grpc: -1}, unopened(x, err)
	}
	x.rec.Waited += t.stream.Waited()
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
	return answer{status: h.res.Status, grpc: -1, sidecar: to.proved()}, nil
}

// translated is a head of HTTP/2 with what q says, in memory of its own: the tables of a
// connection's compression keep what was sent for longer than q keeps its buffer.
func translated(q *http1.Request) *http2.Head {
	out := &http2.Head{
		Method: strings.Clone(q.Method), Scheme: "http", Path: strings.Clone(q.Path),
		Authority: strings.Clone(q.Authority), Length: -1,
	}
	if q.Target != "" {
		out.Path = strings.Clone(q.Target)
	}
	for name, value := range q.All() {
		switch name = lowered(name); name {
		case "host":
			out.Authority = strings.Clone(value)
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		default:
			out.Add(name, strings.Clone(value))
		}
	}
	return out
}

// lowered is a field's name in lower case, in memory of its own.
func lowered(name string) string {
	var b strings.Builder
	b.Grow(len(name))
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
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
