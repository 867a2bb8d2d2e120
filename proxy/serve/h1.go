package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/socket"
)

// lingering is how long a client may read on after an answer that ends its
// connection before all of its request was read.
const lingering = time.Second

// crossing is how long a request may be on its way to a connection that is idle, and
// being closed.
const crossing = 100 * time.Millisecond

// h1 is a connection from an HTTP/1.1 client and the request on it. It serves one
// request after the other in the connection's goroutine; only a request body that
// is still coming while its answer may begin has a second one.
type h1 struct {
	conn *listen.Conn
	nc   net.Conn // what conn was accepted as, or TLS on it
	cfg  h1Config
	end  context.CancelCauseFunc // of x.ctx

	in  http1.Reader
	out http1.Writer
	req http1.Request
	res http1.Response
	x   exchange

	far     *onH2 // instead of up, when the other side speaks HTTP/2
	watch   watch
	upload  upload
	replay  replay
	adopted bool // the answer is a letter's, which up.Out knows nothing of
	repeat  bool // replay has what a repetition needs
	begun   bool // a byte of an answer was given to out
	closing bool // the connection ends with this exchange
	clean   bool // and it may end in order: the client has had its answer
	passed  bool // the connection is another process's now

	mu sync.Mutex // guards up against gone
	up *pool.Conn // the connection the request is on
}

// h1Config is what the two directions do differently.
type h1Config struct {
	direction emit.Direction
	peer      emit.Peer // inbound: who calls
	mtls      bool
	fixed     mesh.ServiceName
	port      uint16            // that the connection is for, as far as is known
	app       *appPort          // inbound: the same
	caller    *authorize.Caller // inbound: the same, as policies ask
	seat      *inflight.Caller  // inbound: the same, as limits count it
	handle    handler
	source    netip.Addr // of the client
	intake    Intake
	traces    *TraceCounts
	sampler   func() *sampling.Sampler

	streams    *StreamCount
	streamIdle time.Duration // of CONNECT and after an upgrade; 0 is no bound
}

// serveH1 serves the connection until either side ends it.
func serveH1(ctx context.Context, conn *listen.Conn, nc net.Conn, cfg h1Config) {
	cfg.source = sourceOf(nc)
	h := &h1{conn: conn, nc: nc, cfg: cfg}
	defer h.bind(ctx)()
	conn.OnGone(h.gone)
	stop := context.AfterFunc(ctx, func() { h.gone(socket.Gone) }) // time to drain is over
	defer stop()
	h.in.Reset(nc)
	if cfg.mtls {
		h.in.FromSidecar()
	}
	h.out.Reset(nc)
	h.watch.every, h.watch.end = max(cfg.intake.Idle, 0)/quarters, h.stall
	h.in.Count(&h.watch.moved)
	h.out.Count(&h.watch.moved)
	defer h.watch.stop()
	defer h.out.Close()
	defer h.in.Close()
	for h.next() {
		h.serve()
		if h.closing {
			if h.clean {
				listen.Linger(h.nc, lingering)
			}
			conn.Close() // below TLS, without a close_notify: the peer must see that it was cut
			return
		}
	}
	if h.passed {
		return
	}
	// Idle, so closed in order: the close_notify proves to a sidecar that a request which
	// is on its way right now was not read. A reset, as by a plain close, would destroy it.
	listen.Linger(nc, crossing)
}

// bind gives the exchange its context, which ends when the client has gone, and
// what else stays the same for all requests of the connection.
func (h *h1) bind(ctx context.Context) (release func()) {
	h.x.ctx, h.end = context.WithCancelCause(ctx) //nolint:fatcontext // one for each connection
	h.x.via, h.x.fixed, h.x.ask.Header = h, h.cfg.fixed, h.req.Lookup
	h.x.port, h.x.app, h.x.caller, h.x.seat = h.cfg.port, h.cfg.app, h.cfg.caller, h.cfg.seat
	return func() { h.end(nil) }
}

// next waits for a request, and reports whether there is one to serve.
func (h *h1) next() bool {
	for {
		h.conn.Enter(listen.Idle)
		if len(h.in.Buffered()) == 0 && h.leave() {
			return false
		}
		err := h.in.Await()
		if err == nil {
			h.conn.Enter(listen.Reading)
			return true
		}
		if !isTimeout(err) || !h.conn.Leaving() || h.leave() {
			return false
		}
	}
}

// leave ends the idle connection when the server drains: it is passed on, or may end
// unless a request has come in nevertheless.
func (h *h1) leave() bool {
	if h.conn.Pass() {
		h.passed = true
		return true
	}
	return h.conn.Draining() && !h.conn.Resume()
}

// serve takes the waiting request through the layers.
func (h *h1) serve() {
	x := &h.x
	x.reset()
	h.begun, h.closing, h.clean, h.repeat, h.adopted = false, false, false, true, false
	h.upload = upload{}
	err := h.in.ReadRequest(&h.req)
	h.conn.Enter(listen.Waiting)
	h.watch.begin()
	if err != nil {
		if x.malformed = refusal(err); x.malformed == nil { // it went away
			h.watch.leave()
			h.closing = true
			return
		}
		h.closing, h.clean = true, true
	}
	if err == nil {
		h.describe()
	} else {
		h.describeMalformed()
	}
	if err == nil && h.req.Method == http.MethodConnect && h.cfg.direction == emit.Outbound {
		h.watch.leave()
		h.connect()
		h.watch.begin()
	} else {
		h.cfg.handle(x) //nolint:errcheck // refuse has seen to it
	}
	h.finish()
}

// refusal is what a client is told whose request head could not be read; nil for one
// that has gone.
func refusal(err error) error {
	if e, ok := errors.AsType[*http1.Error](err); ok {
		return e
	}
	if isTimeout(err) {
		return fmt.Errorf("head: %w", errSlowRequest)
	}
	return nil
}

// describeMalformed fills in the little that is known of a request that is not one.
func (h *h1) describeMalformed() {
	x, q := &h.x, &h.req
	x.rec.Direction, x.rec.Protocol = h.cfg.direction, "http/1.1"
	x.rec.Peer, x.rec.MTLS = h.cfg.peer, h.cfg.mtls
	x.rec.Method, x.rec.Path, x.rec.Authority = q.Method, q.Path, q.Authority
	x.openTrace(carried{})
	x.rec.RequestID = x.newRequestID()
}

// describe fills in what the layers and the record need of the request.
func (h *h1) describe() {
	x, q := &h.x, &h.req
	x.rec.Direction, x.rec.Protocol = h.cfg.direction, "http/1.1"
	x.rec.Peer, x.rec.MTLS = h.cfg.peer, h.cfg.mtls
	x.rec.Method, x.rec.Path, x.rec.Authority = q.Method, q.Path, q.Authority
	x.rec.UserAgent, x.rec.RequestID = q.Get(http1.UserAgent), q.Get(http1.XRequestID)
	x.ask.Method, x.ask.Path, x.ask.Authority = q.Method, q.Path, q.Authority
	x.ask.Source = h.cfg.source
	x.idempotent = idempotent(q.Method)
	h.cfg.intake.admit(x, q.Size(), q.Length)
	q.Clean()
	h.tellTrace()
	if x.rec.RequestID == "" {
		x.rec.RequestID = x.newRequestID()
		q.Set(http1.XRequestID, x.rec.RequestID)
	}
}

// finish gets the connection ready for the next request, or settles that there
// will be none.
func (h *h1) finish() {
	if h.watch.finish() {
		h.closing = true
	}
	h.stopUpload()
	h.drop()
	h.replay.free()
	h.conn.EndBody()
	if !h.in.Done() || h.x.ctx.Err() != nil {
		h.closing = true
	}
	if !h.closing || h.clean {
		if err := h.out.Flush(); err != nil {
			h.closing, h.clean = true, false
		}
	}
	h.out.Finish()
	if !h.closing {
		h.in.Finish()
	}
}

// attach makes the connection the one that the request is on, or fails when the
// client has gone.
func (h *h1) attach(up *pool.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up = up
	return h.x.ctx.Err() == nil
}

// detach takes the connection back from gone's reach; nil if there is none.
func (h *h1) detach() *pool.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	up := h.up
	h.up = nil
	return up
}

// drop ends the use of a connection whose answer was not read to its end.
func (h *h1) drop() {
	if h.far != nil {
		h.far.end()
		h.far = nil
	}
	if up := h.detach(); up != nil {
		up.Discard()
	}
}

// letGo ends the use of a connection that brought no answer.
func (h *h1) letGo(early bool) { //nolint:revive // something came
	if early || h.upload.clientErr == nil || h.up.Out.Sent() > 0 {
		h.drop()
		return
	}
	h.spare()
}

// spare gives a connection back on which nothing was sent or came, as the client went
// before its request had come: the next request saves a handshake.
func (h *h1) spare() {
	up := h.detach()
	up.Deadline = true // that gone may have left, in the past
	up.Pool().Put(up)
}

// stall is called from outside when the request and its answer have moved no byte for
// too long. Whatever blocks returns; there is a moment to tell the client.
func (h *h1) stall() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end(errStalled)
	if h.up != nil {
		h.up.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // whatever blocks on it is to return
	}
	h.nc.SetReadDeadline(time.Unix(1, 0))            //nolint:errcheck // as above
	h.nc.SetWriteDeadline(time.Now().Add(lingering)) //nolint:errcheck // as above
}

// gone is called from outside when the client has closed. A client that said it
// would send nothing more may have closed its own side only, and still read.
func (h *h1) gone(end socket.End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if end == socket.HalfClosed && !h.req.KeepAlive {
		return
	}
	h.end(errClientGone)
	if h.up != nil {
		h.up.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // whatever blocks on it is to return
	}
}
