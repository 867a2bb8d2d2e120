package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/pool"
)

// onH1 is a try of an HTTP/2 request on a connection of HTTP/1.1, as an app that
// speaks nothing else needs it. The request's goroutine reads the answer; a body that
// is still coming has a second one.
type onH1 struct {
	conn *pool.Conn
	req  http1.Request
	res  http1.Response
	head http1.Reader // what req is a view of
	out  http2.Head   // res, translated

	more   http2.Waker   // tells the upload of news from the client
	upload chan struct{} // closed when the upload has ended; nil when there is none
	quit   chan struct{} // closed to end it
	whole  bool          // the body was sent to its end; the upload's until it has ended
	unhook func() bool   // the connection from the client's end
}

// sendOnH1 is send for such an app.
func (h *h2) sendOnH1(x *exchange, to *link) (answer, error) {
	switch {
	case h.grpc:
		return answer{grpc: -1}, errNeedsHTTP2
	case x.extended:
		return answer{grpc: -1}, fmt.Errorf("CONNECT %s: %w: app does not speak HTTP/2", h.req.Protocol, errNotDone)
	}
	t := &onH1{}
	if err := t.translate(h.outgoing(x), &h.body); err != nil {
		return answer{grpc: -1}, err
	}
	up, err := connect(x, to)
	if err != nil {
		return answer{grpc: -1}, err
	}
	h.h1, t.conn = t, up
	t.unhook = context.AfterFunc(x.ctx, func() { up.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // whatever blocks on it is to return
	err = limit(x, up)
	if err == nil {
		err = h.writeOnH1(x, t)
	}
	if err == nil || up.Out.Sent() > 0 { // even if writing broke off there may be an answer
		err = h.readHeadOnH1(t)
	}
	if err != nil {
		return answer{grpc: -1}, h.failedOnH1(x, to, err)
	}
	return answer{status: t.res.Status, grpc: -1, sidecar: to.proved()}, nil
}

// translate makes a head of HTTP/1.1 of h. It is read back by the strict parser: what
// that refuses is not passed on.
func (t *onH1) translate(h *http2.Head, body *h2Body) error {
	var b bytes.Buffer
	b.WriteString(h.Method + " " + h.Path + " HTTP/1.1\r\nhost: " + h.Authority + "\r\n")
	for i := range h.Fields {
		switch f := &h.Fields[i]; f.Name {
		case "cookie", "content-length":
		case "te":
			b.WriteString("te: trailers\r\nconnection: te\r\n")
		default:
			b.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	if cookies := h.Join("cookie", "; "); cookies != "" {
		b.WriteString("cookie: " + cookies + "\r\n")
	}
	b.WriteString(framingLine(h, body))
	b.WriteString("\r\n")
	t.head.Reset(&b)
	if err := t.head.ReadRequest(&t.req); err != nil {
		if e, ok := errors.AsType[*http1.Error](err); ok {
			return e
		}
		return &http1.Error{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	t.req.Clean()
	return nil
}

// framingLine is the field that says how the body's end will be found.
func framingLine(h *http2.Head, body *h2Body) string {
	switch n := len(body.pending()); {
	case h.Length >= 0:
		return "content-length: " + strconv.FormatInt(h.Length, 10) + "\r\n"
	case !body.all || body.trailers != nil:
		return "transfer-encoding: chunked\r\n"
	case n > 0 || h.Method == http.MethodPost || h.Method == http.MethodPut:
		return "content-length: " + strconv.Itoa(n) + "\r\n"
	}
	return ""
}

// writeOnH1 sends the head and what has come of the body, and lets the rest follow.
func (h *h2) writeOnH1(x *exchange, t *onH1) error {
	if err := t.conn.Out.Request(&t.req); err != nil {
		return err
	}
	if err := h.uploadSome(t); err != nil || h.body.all {
		return err
	}
	t.upload, t.quit, t.more = make(chan struct{}), make(chan struct{}), http2.NewWaker()
	h.down.SetSecond(t.more)
	go func() { // endUpload waits for it
		defer close(t.upload)
		h.uploadAll(x, t)
	}()
	return nil
}

// uploadSome sends what is pending, to the body's end if that has come.
func (h *h2) uploadSome(t *onH1) error {
	b := &h.body
	if p := b.pending(); len(p) > 0 {
		if err := t.conn.Out.Data(p); err != nil {
			return err
		}
		b.took(len(p), h.down)
		h.down.Flush()
	}
	if b.all {
		if err := t.conn.Out.End(trailerLines(b.trailers)); err != nil {
			return err
		}
		t.whole = true
	}
	return t.conn.Out.Flush()
}

func (h *h2) uploadAll(x *exchange, t *onH1) {
	for !t.whole {
		if len(h.body.pending()) == 0 && !h.body.all && !h.body.fill(x, h.down) {
			x.slow = true
			select {
			case <-t.more:
				continue
			case <-t.quit:
				return
			}
		}
		if h.uploadSome(t) != nil {
			return // the answer, or its absence, tells
		}
	}
}

// endUpload ends the upload if there is one, and waits for that.
func (t *onH1) endUpload() {
	if t.upload == nil {
		return
	}
	select {
	case <-t.upload:
	default:
		close(t.quit)
		t.conn.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // it is to end
		t.conn.Deadline = true
		<-t.upload
	}
	t.upload = nil
}

// readHeadOnH1 reads the head of the answer and passes on those before it.
func (h *h2) readHeadOnH1(t *onH1) error {
	for {
		if err := t.conn.In.ReadResponse(&t.res, h.req.Method); err != nil {
			return err
		}
		if t.res.Status == http.StatusSwitchingProtocols {
			return &http1.Error{Status: http.StatusBadGateway, Reason: "protocol switched without being asked to"}
		}
		t.res.Clean()
		t.out.Reset()
		t.out.Status = t.res.Status
		for name, value := range t.res.All() {
			if name = lowered(name); name != "transfer-encoding" && name != "connection" {
				t.out.Add(name, strings.Clone(value))
			}
		}
		if !t.res.Interim() {
			return nil
		}
		h.down.Answer(&t.out)
		h.down.Flush()
	}
}

// failedOnH1 says what an error on the way to the head of an answer means.
func (h *h2) failedOnH1(x *exchange, to *link, err error) error {
	up := h.h1.conn
	early := len(up.In.Buffered()) > 0
	if up.Reused && !early && to.races != nil && endedByPeer(err) {
		to.races.Add(1)
	}
	unsent := up.Out.Sent() == 0
	h.dropOnH1()
	if x.ctx.Err() != nil {
		return h.gone()
	}
	if err := h.clientEnded(); err != nil {
		return err
	}
	ended := brokenBy(x, err, unsent)
	if b, ok := errors.AsType[*broken](ended); ok {
		b.kept = up.Reused
	}
	return ended
}

// dropOnH1 ends the use of a connection whose answer was not read to its end.
func (h *h2) dropOnH1() {
	if t := h.h1; t != nil {
		h.h1 = nil
		t.unhook()
		t.endUpload()
		t.conn.Discard()
		t.head.Close()
	}
}

// trailerLines are trailers as the end of a chunked body has them.
func trailerLines(h *http2.Head) []byte {
	if h == nil {
		return nil
	}
	var b []byte
	for i := range h.Fields {
		b = append(b, h.Fields[i].Name...)
		b = append(b, ": "...)
		b = append(b, h.Fields[i].Value...)
		b = append(b, "\r\n"...)
	}
	return b
}

// trailersOf reads such lines, which the codec has checked; nil if there are none.
func trailersOf(lines []byte) *http2.Head {
	if len(lines) == 0 {
		return nil
	}
	h := &http2.Head{Length: -1}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(lines), "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		h.Add(strings.ToLower(name), strings.Trim(value, " \t"))
	}
	return h
}
