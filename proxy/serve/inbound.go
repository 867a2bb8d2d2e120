package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/inflight"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/stream"
	"github.com/sightline-mesh/sightline/proxy/tap"
)

// InboundConfig is how requests of the mesh are served. Apps is required.
type InboundConfig struct {
	// Apps are the ports of the app. The first is who callers mean that name none.
	Apps []App
	// Drain is how long requests may go on when Serve's context has ended, or when plaintext
	// is not taken any more. 0 is 30 s.
	Drain time.Duration
	// Connections is how many the listener may have at once. 0 is listen.Config's default.
	Connections int
	// ConnectTime bounds a connection attempt to the app. 0 is 5 s: one that is refused is
	// refused at once, and one whose queue is full is asked again after 1 and 3 s.
	ConnectTime time.Duration
	// IdleTime is how long an unused connection to the app is kept at first. 0 is 3 s,
	// which is below what servers usually keep them for. It becomes four fifths of what
	// the app announces (Keep-Alive: timeout=5), or of what it is seen to do.
	IdleTime time.Duration
	// Timeout bounds a request; 0 is no bound.
	Timeout time.Duration
	// Intake is what requests have to be like.
	Intake Intake
	// StreamIdle is how long a stream of bytes may lie idle. 0 is one hour.
	StreamIdle time.Duration
}

// InboundDeps is what an Inbound works with. All but Proved, Guard and Tap are required.
type InboundDeps struct {
	// TLS demands and verifies a certificate of the mesh, and offers stream.ALPN, h2 and
	// http/1.1.
	TLS *tls.Config
	// PeerOf tells who is at the other end.
	PeerOf func(cs tls.ConnectionState) (emit.Peer, error)
	// Proved is told of every connection whose peer has proved who it is, which may end it
	// by its NetConn or by Retire. It may be nil.
	Proved func(*tls.Conn)
	// Guard is what is enforced now. While it returns nil, nothing is let in. It may be
	// nil itself: nothing is enforced then.
	Guard  func() *Guard
	Sink   emit.Sink
	Logger *slog.Logger
	// Tap is told of requests that somebody looks at. Nil is one that nobody asks.
	Tap *tap.Tap
	// Sampler is the one in force; it may be nil, and return nil: every trace that starts
	// here is sampled then.
	Sampler func() *sampling.Sampler
	// Logs is the rule in force of which requests get a row in the access log; it may be
	// nil, and return nil: all do then.
	Logs func() *accesslog.Rule
	// Spans is what is said of the spans of requests; it may be nil, and return nil.
	Spans func() *emit.SpanRule
}

// Inbound serves the mesh's requests to the app.
type Inbound struct {
	cfg    InboundConfig
	deps   InboundDeps
	handle handler
	apps   []*appPort // at least one

	guards         guardCounts
	callers        inflight.Callers
	whole, working *inflight.Gate
	plain          plaintexts
	peers          peers

	strangers                            strangers
	refused, races, overflow, overCaller atomic.Uint64
	streams                              StreamCount
	traces                               TraceCounts
}

// NewInbound makes an Inbound; Serve starts it.
func NewInbound(cfg InboundConfig, d InboundDeps) *Inbound {
	if cfg.Drain == 0 {
		cfg.Drain = 30 * time.Second
	}
	if cfg.ConnectTime == 0 {
		cfg.ConnectTime = 5 * time.Second
	}
	if cfg.IdleTime == 0 {
		cfg.IdleTime = 3 * time.Second
	}
	if cfg.StreamIdle == 0 {
		cfg.StreamIdle = time.Hour
	}
	if d.Tap == nil {
		d.Tap = tap.New(nil)
	}
	d.Sampler, d.Logs, d.Spans = orNothing(d.Sampler), orNothing(d.Logs), orNothing(d.Spans)
	in := &Inbound{cfg: cfg, deps: d, whole: inflight.NewGate(whole, patience), working: inflight.NewGate(working, patience)}
	if len(cfg.Apps) == 0 {
		cfg.Apps = []App{{}} // an app that only calls: nobody is let in to it
	}
	for _, a := range cfg.Apps {
		in.apps = append(in.apps, in.newApp(a))
	}
	in.handle = in.layers(in.forward)
	return in
}

// Serve serves connections from other sidecars until ctx ends, and then drains.
func (in *Inbound) Serve(ctx context.Context, l net.Listener) error {
	server := listen.New(listen.Config{Drain: in.cfg.Drain, Connections: in.cfg.Connections, Overflow: &in.overflow}, func(ctx context.Context, c *listen.Conn) {
		in.serve(ctx, c)
	})
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		in.sweep(sweeping)
	}()
	err := server.Serve(ctx, l)
	stop()
	<-swept
	return err
}

// Close closes the connections to the app. Call it when no Serve runs.
func (in *Inbound) Close() {
	for _, a := range in.apps {
		a.close()
	}
}

// Refused tells how many connections were turned away: for not being TLS, and for
// failing to prove an identity of the mesh.
func (in *Inbound) Refused() (plaintext, unproved uint64) {
	return in.strangers.counted(), in.refused.Load()
}

// Overflow is how many connections were closed because the listener had its limit.
func (in *Inbound) Overflow() uint64 { return in.overflow.Load() }

// Streams counts the streams of bytes to the app.
func (in *Inbound) Streams() *StreamCount { return &in.streams }

// Races is how many requests met the end of a connection to the app that was kept:
// each was sent again if that could do no harm.
func (in *Inbound) Races() uint64 { return in.races.Load() }

// Traces counts what was left out of trace contexts.
func (in *Inbound) Traces() *TraceCounts { return &in.traces }

// AppIdleTime is how long an unused connection to the app's first port is kept at present.
func (in *Inbound) AppIdleTime() time.Duration { return in.apps[0].h1.IdleTime() }

// layers is the way of a request, from the outside in.
func (in *Inbound) layers(forward handler) handler {
	return observe(in.deps.Sink, in.deps.Tap, keeps{in.deps.Sampler, in.deps.Logs, in.deps.Spans}, // first, so that our own refusals are told too
		rescue( // errors become responses here and nowhere else
			in.limit( // the time there is
				in.guard( // finds the policies in force, for the layers below
					in.authenticate( // verifies the token, which policies may ask about
						in.authorize( // turns away who may not
							in.throttle( // what comes too often
								in.admit( // and what there is too much of at once
									relay(in.deps.Tap, // passes the app's answer on
										in.begin( // what counts ends here where the rest may go on for long
											once( // hides a kept connection that the app had closed
												forward)))))))))))
}

func (in *Inbound) serve(ctx context.Context, c *listen.Conn) {
	if in.unsecured(ctx, c) {
		return
	}
	t, err := listen.Handshake(ctx, c, in.deps.TLS)
	if err != nil {
		if errors.Is(err, listen.ErrPlaintext) {
			in.strangers.turnAway(sourceOf(c.Conn), time.Now())
		}
		in.count(err)
		return
	}
	state := t.ConnectionState()
	peer, err := in.deps.PeerOf(state)
	if err != nil {
		in.count(err)
		return
	}
	if in.deps.Proved != nil {
		defer in.peers.join(t, c)()
		in.deps.Proved(t)
	}
	seat, ok := in.callers.Join(peer.Identity, in.connections())
	if !ok {
		in.overCaller.Add(1)
		listen.Linger(t, crossing) // in order: nothing of what it sends was read
		return
	}
	defer in.callers.Quit(seat)
	cfg := h1Config{direction: emit.Inbound, app: in.appOf(state.ServerName), seat: seat, peer: peer, mtls: true, handle: in.handle, intake: in.cfg.Intake, traces: &in.traces, sampler: in.deps.Sampler, streamIdle: in.cfg.StreamIdle}
	if cfg.app == nil {
		cfg.handle = in.layers(func(*exchange) error { return errNoPort(state.ServerName) })
	}
	cfg.caller = callerOf(t, peer.Identity, state.ServerName, cfg.app)
	switch state.NegotiatedProtocol {
	case "h2":
		serveH2(ctx, c, t, cfg)
	case stream.ALPN:
		in.serveStream(ctx, c, t, cfg)
	default:
		serveH1(ctx, c, t, cfg)
	}
}

// mostConnections is how many connections a caller may have at once if no policy says:
// half of what a listener may have at all.
const mostConnections = listen.DefaultConnections / 2

func (in *Inbound) connections() int {
	if in.deps.Guard != nil {
		if g := in.deps.Guard(); g != nil && g.Connections > 0 {
			return g.Connections
		}
	}
	return mostConnections
}

// serveStream carries the bytes of another sidecar's app to the app.
func (in *Inbound) serveStream(ctx context.Context, c *listen.Conn, t net.Conn, by h1Config) {
	c.Enter(listen.Reading)
	head, err := stream.ReadHead(t)
	if err != nil {
		in.count(err)
		return
	}
	serveStream(ctx, c, t, peerClient{conn: c, tls: t}, streamConfig{
		direction: emit.Inbound, peer: by.peer, mtls: true, app: by.app, caller: by.caller, seat: by.seat, head: head, idle: in.cfg.StreamIdle, handle: by.handle,
		count: &in.streams,
	})
}

// count counts a connection that was turned away; those that only hung up are not.
func (in *Inbound) count(err error) {
	switch _, network := errors.AsType[*net.OpError](err); {
	case errors.Is(err, listen.ErrPlaintext): // its source is known to the caller
	case network:
	default:
		in.refused.Add(1)
	}
	in.deps.Logger.Debug("connection refused", "error", err)
}

func (in *Inbound) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, a := range in.apps {
				a.h1.Sweep(now)
			}
			in.plain.retire(in.taking(), now, in.cfg.Drain)
		}
	}
}

func (in *Inbound) limit(next handler) handler {
	return func(x *exchange) error {
		if x.app != nil {
			x.rec.Port = x.app.port
		}
		if x.ask.Method == http.MethodConnect && !x.extended {
			return errNotDone
		}
		if in.cfg.Timeout > 0 {
			x.limit(in.cfg.Timeout)
		}
		return next(x)
	}
}

// once sends a request again that met a connection which the app had closed before
// it can have read it.
func once(next handler) handler {
	return func(x *exchange) error {
		x.sent = time.Now()
		err := next(x)
		b, ok := errors.AsType[*broken](err)
		if !ok || b.end != retry.Unsent && (b.end != retry.Reset || !x.idempotent || b.garbled) || !x.via.repeatable() {
			return err
		}
		return next(x)
	}
}

func (*Inbound) forward(x *exchange) error {
	a, err := x.via.send(x, x.app.link)
	x.answer = a
	return err
}
