package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// h2 is one request of an HTTP/2 client.
type h2 struct {
	w    http.ResponseWriter
	r    *http.Request
	cfg  *h1Config
	x    exchange
	body *repeatBody
	grpc bool

	res    *http.Response
	cancel context.CancelFunc // ends the try that res is of
	begun  bool
}

// serveH2 serves the connection until either side ends it.
func serveH2(ctx context.Context, server *http2.Server, c *listen.Conn, nc net.Conn, cfg h1Config) {
	c.Enter(listen.Unwatched)
	c.OnDrain(func() { server.Drain(ctx) })
	server.Serve(ctx, nc, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := &h2{w: w, r: r, cfg: &cfg}
		h.serve()
	}))
}

// serve takes the request through the layers.
func (h *h2) serve() {
	x := &h.x
	x.ctx, x.via, x.fixed = h.r.Context(), h, h.cfg.fixed
	x.reset()
	h.describe()
	h.body = newRepeatBody(h.r.Body)
	err := h.cfg.handle(x)
	h.drop()
	h.body.end()
	if err != nil && h.begun {
		panic(http.ErrAbortHandler) // resets the stream: the client must see that it was cut
	}
}

func (h *h2) describe() {
	x, r := &h.x, h.r
	h.grpc = strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
	x.rec.Direction, x.rec.Protocol = h.cfg.direction, "h2"
	if h.grpc {
		x.rec.Protocol = "grpc"
	}
	x.rec.Peer, x.rec.MTLS = h.cfg.peer, h.cfg.mtls
	x.openTrace(r.Header.Get("Traceparent"), r.Header.Get("B3"))
	x.rec.Method, x.rec.Path, x.rec.Authority = r.Method, r.URL.RequestURI(), r.Host
	x.rec.UserAgent, x.rec.RequestID = r.UserAgent(), r.Header.Get("X-Request-Id")
	x.ask.Method, x.ask.Path, x.ask.Authority = r.Method, x.rec.Path, r.Host
	x.ask.Header = func(name string) (string, bool) {
		v := r.Header[http.CanonicalHeaderKey(name)]
		if len(v) == 0 {
			return "", false
		}
		return strings.Join(v, ","), true
	}
	x.idempotent = idempotent(r.Method)
	if x.rec.RequestID == "" {
		x.rec.RequestID = strings.Clone(x.newRequestID())
		r.Header.Set("X-Request-Id", x.rec.RequestID)
	}
	r.Header.Set("Traceparent", strings.Clone(x.traceparent()))
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = nil // or the transport would add its own
	}
}

// send implements codec.
func (h *h2) send(x *exchange, to *link) (answer, error) {
	h.drop()
	ctx, cancel := context.WithDeadline(x.ctx, x.lastMoment())
	h.cancel = cancel
	if !x.tryEnd.IsZero() { // it bounds the head only
		late := time.AfterFunc(time.Until(x.tryEnd), cancel)
		defer late.Stop()
	}
	res, err := to.h2.RoundTrip(h.request(ctx)) //nolint:bodyclose // drop closes it
	if err != nil {
		return answer{grpc: -1}, failedH2(x, err)
	}
	h.res = res
	unseen := to.polite && res.Header.Get("X-Sightline-Flags") == unconnected
	return answer{status: res.StatusCode, grpc: grpcStatus(res.Header), unseen: unseen}, nil
}

// lastMoment is the deadline, or one that no exchange lives to see.
func (x *exchange) lastMoment() time.Time {
	if x.deadline.IsZero() {
		return x.rec.Start.Add(30 * 24 * time.Hour)
	}
	return x.deadline
}

func (h *h2) request(ctx context.Context) *http.Request {
	r := h.r.WithContext(ctx)
	u := *h.r.URL
	u.Scheme, u.Host = "http", h.r.Host
	r.URL, r.RequestURI, r.Close = &u, "", false
	if h.x.out != nil {
		changeH2(r, h.x.out)
	}
	r.Body = h.body.try()
	if r.Body != http.NoBody {
		r.GetBody = h.body.again
	}
	return r
}

// failed says what an error before the head of an answer means.
func failedH2(x *exchange, err error) error {
	b := &broken{end: retry.Reset, cause: fmt.Errorf("no answer: %w", err)}
	switch {
	case x.ctx.Err() != nil:
		return errClientGone
	case errors.Is(err, http2.ErrConnect):
		b.end = retry.ConnectFailed
	case http2.Refused(err):
		b.end = retry.Refused
	case !x.deadline.IsZero() && !time.Now().Before(x.deadline):
		return errTimeoutAfter(x)
	case !x.tryEnd.IsZero() && !time.Now().Before(x.tryEnd):
		b.end = retry.TimedOut
	}
	return b
}

// drop ends the use of an answer that may not have been read to its end.
func (h *h2) drop() {
	if h.res != nil {
		h.res.Body.Close()
		h.res = nil
	}
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// repeatable implements codec.
func (h *h2) repeatable() bool { return h.body.whole() && h.x.ctx.Err() == nil }

// relay implements codec.
func (h *h2) relay(x *exchange) error {
	h.blame(x)
	h.begun = true
	header := h.w.Header()
	maps.Copy(header, h.res.Header)
	x.rec.GRPCStatus = grpcStatus(h.res.Header)
	if x.out != nil {
		editHeader(header, x.out.response)
	}
	h.w.WriteHeader(h.res.StatusCode)
	if err := h.copyBody(x); err != nil {
		return err
	}
	for name, values := range h.res.Trailer {
		header[http.TrailerPrefix+name] = values
	}
	if code := grpcStatus(h.res.Trailer); code >= 0 {
		x.rec.GRPCStatus = code
	}
	x.rec.BytesIn = h.body.size()
	return nil
}

// copyBody passes on each piece of the body as it comes. The head goes ahead of
// them, unless the answer has no body: then it must say so itself.
func (h *h2) copyBody(x *exchange) error {
	if h.res.Body == http.NoBody {
		return nil
	}
	flush := http.NewResponseController(h.w)
	if err := flush.Flush(); err != nil {
		return errClientGone
	}
	buf := http1.Borrow(16 << 10)
	defer http1.GiveBack(buf)
	for {
		n, err := h.res.Body.Read(buf)
		if n > 0 {
			x.rec.BytesOut += uint64(n)
			if _, err := h.w.Write(buf[:n]); err != nil {
				return errClientGone
			}
			if err := flush.Flush(); err != nil {
				return errClientGone
			}
		}
		if err != nil {
			return bodyEnd(x, err)
		}
	}
}

func bodyEnd(x *exchange, err error) error {
	switch {
	case isEOF(err):
		return nil
	case x.ctx.Err() != nil:
		return errClientGone
	}
	return cut(x, err)
}

func (h *h2) blame(x *exchange) {
	x.rec.GeneratedBy = "app"
	if h.cfg.direction == emit.Inbound {
		h.res.Header.Del("X-Sightline-Reason")
		h.res.Header.Del("X-Sightline-Flags")
		return
	}
	if reason := h.res.Header.Get("X-Sightline-Reason"); reason != "" {
		x.rec.GeneratedBy, x.rec.Reason = "peer", reason
	}
}

// grpcStatus is the status of gRPC in a head or in trailers, -1 if there is none.
func grpcStatus(h http.Header) int {
	n, err := strconv.Atoi(h.Get("Grpc-Status"))
	if err != nil || n < 0 {
		return -1
	}
	return n
}
