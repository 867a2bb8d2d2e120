package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/listen"
)

// h2 is one request of an HTTP/2 client. One goroutine takes it through the layers and
// passes bytes both ways, whichever side has some: see h2_pump.go.
type h2 struct {
	cfg   *h1Config
	x     exchange
	wake  http2.Waker // of both streams
	timer *time.Timer // nil until the first time limit
	grpc  bool
	lasts bool // it is a stream, which may be idle
	idled bool // the last wait was for too long

	down    *http2.Stream
	req     *http2.Head
	changed http2.Head // req as the route's rules change it
	body    h2Body

	up    *http2.Stream // of the present try; nil when there is none
	h1    *onH1         // instead of up, when the other side speaks HTTP/1.1
	res   *http2.Head
	back  []byte // of the answer's body, to be passed on
	ended bool   // nothing follows back
	begun bool   // the head of an answer was sent
	code  http2.Code
}

// h2s keeps what served a request for the next one.
var h2s = sync.Pool{New: func() any {
	h := &h2{wake: http2.NewWaker()}
	h.x.via, h.x.ask.Header = h, func(name string) (string, bool) { return h.lookup(name) }
	return h
}}

// serveH2 serves the connection until either side ends it.
func serveH2(ctx context.Context, c *listen.Conn, nc net.Conn, cfg h1Config) {
	c.Enter(listen.Unwatched)
	cfg.source = sourceOf(nc)
	server := http2.NewServerConn(unmonitored(nc), func(s *http2.Stream) { serveRequest(s, &cfg) })
	c.OnDrain(server.Drain)
	if err := server.Serve(ctx); err != nil && ctx.Err() != nil {
		return // time to drain is over
	}
	listen.Linger(nc, crossing) // a reset would destroy the GOAWAY on its way
}

// serveRequest takes the request of the stream through the layers.
func serveRequest(s *http2.Stream, cfg *h1Config) {
	h := h2s.Get().(*h2)
	h.cfg, h.down = cfg, s
	h.x.ctx = s.Context() //nolint:fatcontext // it is the stream's own, of no other
	h.x.fixed, h.x.port, h.x.app, h.x.caller, h.x.seat = cfg.fixed, cfg.port, cfg.app, cfg.caller, cfg.seat
	s.SetWaker(h.wake)
	h.x.reset()
	h.req = s.Head()
	h.describe()
	h.cfg.handle(&h.x) //nolint:errcheck // refuse has seen to it
	h.drop(http2.Cancel)
	s.Flush()
	s.Close()
	h.body.end()
	h.cfg, h.down, h.req, h.res, h.back = nil, nil, nil, nil, nil
	h.grpc, h.lasts, h.idled, h.ended, h.begun, h.code = false, false, false, false, false, 0
	h.changed.Reset()
	h.x.ctx, h.x.seat, h.x.app = nil, nil, nil
	h2s.Put(h)
}

// describe fills in what the layers and the record need of the request.
func (h *h2) describe() {
	x, r := &h.x, h.req
	h.grpc = isGRPC(r.Get("content-type"))
	x.rec.Direction, x.rec.Protocol = h.cfg.direction, "h2"
	if h.grpc {
		x.rec.Protocol = "grpc"
	}
	x.rec.Peer, x.rec.MTLS = h.cfg.peer, h.cfg.mtls
	x.rec.Method, x.rec.Path, x.rec.Authority = r.Method, r.Path, r.Authority
	x.rec.UserAgent, x.rec.RequestID = r.Get("user-agent"), r.Get("x-request-id")
	x.ask.Method, x.ask.Path, x.ask.Authority = r.Method, r.Path, r.Authority
	x.ask.Source = h.cfg.source
	x.idempotent, x.extended = idempotent(r.Method), r.Protocol != ""
	h.lasts = h.grpc || x.extended
	h.cfg.intake.admit(x, sizeOf(r), uint64(max(r.Length, 0)))
	h.tellTrace()
	if x.rec.RequestID == "" {
		x.rec.RequestID = x.newRequestID()
		r.Set("x-request-id", x.rec.RequestID)
	}
	if h.grpc {
		x.readGRPCTimeout(r.Get("grpc-timeout"))
	}
	switch err := h.down.Malformed(); {
	case h.down.TooLarge():
		x.malformed = &http1.Error{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: "header list is larger than 64 KiB"}
	case err != nil:
		x.malformed = &http1.Error{Status: http.StatusBadRequest, Reason: err.Error()}
		h.code = http2.ProtocolError
	}
}

// sizeOf is how many bytes the fields of a head would have in HTTP/1.1.
func sizeOf(h *http2.Head) int {
	n := len(h.Method) + len(h.Path) + len(h.Authority)
	for i := range h.Fields {
		n += len(h.Fields[i].Name) + len(h.Fields[i].Value) + len(": \r\n")
	}
	return n
}

// drop ends the use of an answer that may not have been read to its end.
func (h *h2) drop(code http2.Code) {
	h.dropOnH1()
	if h.up == nil {
		return
	}
	h.up.Reset(code)
	h.up.Close()
	h.up, h.res, h.back, h.ended = nil, nil, nil, false
}

// repeatable implements codec.
func (h *h2) repeatable() bool {
	if h.h1 != nil {
		h.h1.endUpload()
	}
	return !h.body.held.lost && !h.begun && h.x.ctx.Err() == nil
}

// clientEnded is why the client's stream has ended before its end, nil if it has not.
// What the client itself did wrong is its fault, and was told to it.
func (h *h2) clientEnded() error {
	if in := &h.cfg.intake; in.tooLong(h.x.rec.BytesIn) {
		h.code = http2.Cancel
		return in.errTooLong()
	}
	err := h.down.Err()
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*http2.StreamError](err)
	switch {
	case ok && e.Remote:
		h.code = e.Code
		return errClientGone
	case ok && !e.Lost && !errors.Is(err, http2.ErrStalled):
		h.code = http2.Cancel
		return &http1.Error{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	h.code = http2.Cancel
	return errClientGone
}

// lookup finds a field of the request; several of the name are one list.
func (h *h2) lookup(name string) (value string, ok bool) {
	if _, ok = h.req.Lookup(name); !ok {
		return "", false
	}
	if name == "cookie" { // which comes in crumbs (RFC 9113, 8.2.3)
		return h.req.Join(name, "; "), true
	}
	return h.req.Join(name, ","), true
}
