package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/socket"
	"github.com/sightline-mesh/sightline/proxy/stream"
)

// How a stream ends other than by its two sides.
var (
	errStreamIdle = errors.New("stream was idle for too long")
	errStreamCut  = errors.New("time to drain is over")
	errStreamOld  = errors.New("stream is as old as it may get (maxConnectionDuration)")
)

// client is the side that a stream was opened from, and how it is spoken to before
// the bytes go.
type client interface {
	// begin tells it that its bytes will go through.
	begin() error
	// deny tells it why they will not, if it understands such, and ends the connection.
	deny(f fault)
}

// byteStream is a stream of bytes on its way through the layers. It implements codec:
// what the layers know as a request is the stream, as an answer that it was taken.
type byteStream struct {
	conn   net.Conn // the client's
	client client
	early  []byte // of the client's, read already
	idle   time.Duration
	tls    bool // the bytes are TLS of the client's own

	up    net.Conn
	to    *link
	begun bool
}

// send implements codec: it opens the way to the other end, and sends none of the
// client's bytes yet.
func (s *byteStream) send(x *exchange, to *link) (answer, error) {
	none := answer{grpc: -1}
	up, err := to.stream(x.ctx, s.tls)
	if err == nil && to.proved() {
		if err = greet(x, up); err != nil {
			stream.Reset(up)
			to.endStream()
		}
	}
	denied, ok := errors.AsType[*stream.RefusedError](err)
	switch {
	case ok && denied.Flags != unconnected: // it would not be taken elsewhere either
		return none, denied
	case err == nil:
		s.up, s.to = up, to
		return none, nil
	case x.ctx.Err() != nil:
		return none, errClientGone
	case errors.Is(err, pool.ErrOverflow):
		return none, &broken{end: retry.Withheld, cause: err}
	}
	return none, &broken{end: retry.ConnectFailed, cause: fmt.Errorf("connect: %w", err)}
}

// greeting bounds what two sidecars say to each other, the callee's connection to its
// app included.
const greeting = 5 * time.Second

// greet asks the other sidecar to take the stream.
func greet(x *exchange, up net.Conn) error {
	if err := up.SetDeadline(time.Now().Add(greeting)); err != nil {
		return err
	}
	stop := context.AfterFunc(x.ctx, func() { up.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a closed connection needs none
	err := stream.Head{Traceparent: x.traceparent(), RequestID: x.rec.RequestID}.Write(up)
	if err == nil {
		err = stream.ReadAnswer(up)
	}
	if !stop() && err == nil {
		err = errClientGone
	}
	if err == nil {
		err = up.SetDeadline(time.Time{})
	}
	return err
}

// repeatable implements codec: nothing was sent.
func (*byteStream) repeatable() bool { return true }

// relay implements codec: it carries the bytes until the stream ends.
func (s *byteStream) relay(x *exchange) error {
	defer s.to.endStream()
	x.taken(time.Since(x.sent))
	x.tellOpen()
	s.begun = true
	if err := s.client.begin(); err != nil {
		stream.Reset(s.up)
		stream.Reset(s.conn)
		return errClientGone
	}
	ctx, idle := x.ctx, s.idle
	if s.to.streamIdle > 0 {
		idle = s.to.streamIdle
	}
	if age := s.to.streamAge; age > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, age, errStreamOld)
		defer cancel()
	}
	r := stream.Splice(ctx, s.conn, s.up, stream.Config{FromClient: s.early, Idle: idle})
	x.rec.BytesIn, x.rec.BytesOut = r.In, r.Out
	x.rec.ClosedBy = r.First.String()
	return endOf(r)
}

// tellOpen tells of a stream, once, that it is open.
func (x *exchange) tellOpen() {
	if x.opening != nil {
		x.opening.Open(&x.rec)
		x.opening = nil
	}
}

// endOf is the error of a stream that did not end in order.
func endOf(r stream.Result) error {
	switch r.End {
	case stream.Orderly:
		return nil
	case stream.ClientBroke:
		return fmt.Errorf("%w: %w", errClientGone, r.Cause)
	case stream.ServerBroke:
		return fmt.Errorf("%w: %w", errAnswerCut, r.Cause)
	case stream.Idle:
		return errStreamIdle
	case stream.Cut:
		if errors.Is(r.Cause, errStreamOld) {
			return errStreamOld
		}
	}
	return errStreamCut
}

// answer implements codec: a stream has no answers but its bytes.
func (*byteStream) answer(*exchange, *route.Answer) error { return errNotDone }

// copy implements codec: streams have no copies.
func (*byteStream) copy(*exchange, address) letter { return nil }

// adopt implements codec. There is no copy of a stream, so no reply either.
func (*byteStream) adopt(*exchange, beginning) error { return errNotDone }

// lasting implements codec.
func (*byteStream) lasting() bool { return true }

// refuse implements codec.
func (s *byteStream) refuse(_ *exchange, f fault) {
	if !s.begun {
		s.client.deny(f)
	}
}

// streamConfig is what streams are served with.
type streamConfig struct {
	direction emit.Direction
	peer      emit.Peer
	mtls      bool
	caller    *authorize.Caller // inbound: the same as peer, as policies ask
	seat      *inflight.Caller  // inbound: the same, as limits count it
	fixed     mesh.ServiceName
	port      uint16       // that the connection is for, as far as is known
	app       *appPort     // inbound: the same
	authority string       // as the client wrote it; may be empty
	asks      route.Stream // as far as is known
	head      stream.Head
	idle      time.Duration
	handle    handler
	count     *StreamCount
}

// StreamCount counts streams of bytes.
type StreamCount struct {
	opened atomic.Uint64
	open   atomic.Int64
}

// Opened is how many were asked for, those that nobody took included.
func (c *StreamCount) Opened() uint64 { return c.opened.Load() }

// Open is how many there are.
func (c *StreamCount) Open() int64 { return c.open.Load() }

// begin counts one in, and returns what counts it out.
func (c *StreamCount) begin() (end func()) {
	c.opened.Add(1)
	c.open.Add(1)
	return func() { c.open.Add(-1) }
}

// serveStream carries one connection's bytes to its end.
func serveStream(ctx context.Context, conn *listen.Conn, nc net.Conn, c client, cfg streamConfig) {
	defer cfg.count.begin()()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &byteStream{conn: nc, client: c, idle: cfg.idle, tls: cfg.asks.TLS}
	x := &exchange{ctx: ctx, via: s, fixed: cfg.fixed, port: cfg.port, app: cfg.app, caller: cfg.caller, seat: cfg.seat}
	x.reset()
	x.describeStream(cfg)
	conn.OnGone(func(e socket.End) {
		if e == socket.Gone {
			end(errClientGone)
		}
	})
	conn.Enter(listen.Waiting)
	cfg.handle(x) //nolint:errcheck // refuse has seen to it
}

// describeStream fills in what the layers and the record need of a stream.
func (x *exchange) describeStream(cfg streamConfig) {
	x.stream, x.asks = true, cfg.asks
	x.rec.Direction, x.rec.Protocol = cfg.direction, signal.TCP
	x.rec.Peer, x.rec.MTLS = cfg.peer, cfg.mtls
	x.rec.Authority, x.ask.Authority = cfg.authority, cfg.authority
	x.openTrace(carried{traceparent: cfg.head.Traceparent})
	if x.rec.RequestID = cfg.head.RequestID; x.rec.RequestID == "" {
		x.rec.RequestID = x.newRequestID()
	}
}

// wants is what the routes of streams may look at. The port is the one that was
// connected to, else that of the authority, else the app's.
func (x *exchange) wants(app route.App) route.Stream {
	asks := x.asks
	if _, port, err := net.SplitHostPort(x.ask.Authority); asks.Port == 0 && err == nil {
		asks.Port = uint32(numberOf(port))
	}
	if asks.Port == 0 {
		asks.Port = uint32(app.Port)
	}
	asks.To = x.ask.Port
	return asks
}

// rawClient speaks bytes only: it can be told nothing.
type rawClient struct{ conn *listen.Conn }

func (c rawClient) begin() error {
	c.conn.Enter(listen.Unwatched)
	return nil
}

func (c rawClient) deny(fault) { stream.Reset(c.conn) }

// peerClient is another sidecar.
type peerClient struct {
	conn *listen.Conn
	tls  net.Conn
}

func (c peerClient) begin() error {
	c.conn.Enter(listen.Unwatched)
	return stream.Accept(c.tls)
}

func (c peerClient) deny(f fault) {
	c.conn.Enter(listen.Unwatched)
	if stream.Refuse(c.tls, stream.RefusedError{Flags: f.flags, Reason: f.reason}) == nil {
		listen.Linger(c.tls, lingering)
	}
}
