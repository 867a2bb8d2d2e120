package serve

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/tap"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// OutboundConfig is how requests of the app are served. The zero value has the
// defaults.
type OutboundConfig struct {
	// Namespace is where a service named without one is looked for.
	Namespace string
	// Drain is how long requests may go on when Serve's context has ended. 0 is 30 s.
	Drain time.Duration
	// ConnectTime bounds a connection attempt, its handshake included, where the
	// service's limits do not. 0 is 5 s: a machine that starts everything at once is slow.
	ConnectTime time.Duration
	// Connections is how many a listener may have at once. 0 is listen.Config's default.
	Connections int
	// IdleTime is how long an unused connection to an instance is kept. 0 is 60 s.
	IdleTime time.Duration
	// Intake is what requests have to be like.
	Intake Intake
	// StreamIdle is how long a stream of bytes may lie idle. 0 is one hour.
	StreamIdle time.Duration
	// DetectTime is how long a client may say nothing on a port where anything may be
	// spoken, before the server is asked to speak first. 0 is 1 s.
	DetectTime time.Duration
	// ServerFirst are ports of apps where that is known. Nil is ServerFirst().
	ServerFirst []uint16
	// Transparent says that the kernel may redirect connections to Serve's listener.
	Transparent bool
	// AllowAny lets redirected connections through that were going out of the mesh.
	AllowAny bool
}

// OutboundDeps is what an Outbound works with. All are required, but for Find
// and Tap.
type OutboundDeps struct {
	// Resolve returns a table that speaks of the service. It may wait, within bounds and
	// at most until by if that is not zero, until the control plane has told of a service
	// that was never asked for before. The error wraps ErrUntold when it has not.
	Resolve func(ctx context.Context, s mesh.ServiceName, by time.Time) (*route.Table, error)
	// Pick chooses an instance, if possible none that was tried.
	Pick func(r *route.Route, ask *route.Request, tried []*upstream.Instance) (upstream.Lease, error)
	// Dial opens a connection of mutual TLS that has proved to be the instance's, or one of
	// plaintext, or of TLS, to an instance that is called so; alpn may be Encrypted then.
	Dial func(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error)
	// Find tells whose instance's app has an address. It is asked if connections are
	// redirected.
	Find func(at netip.AddrPort) (mesh.ServiceName, bool)
	// Budget bounds retries over all requests.
	Budget budget
	// Chance draws a number of [0, 1), for rules that are about a share of requests.
	// nil is a random one.
	Chance func() float64
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
	// Onward is where redirected connections may go on to; it may be nil, and return nil.
	Onward func() *Onward
	// Heir returns what passes an idle connection of a port on to the process that goes
	// on, nil while there is none. It may be nil.
	Heir func(p Port) listen.Pass
}

// Outbound serves the app's requests to other services. Several Serves may run.
type Outbound struct {
	cfg    OutboundConfig
	deps   OutboundDeps
	handle handler
	hosts  hosts
	links  links[*upstream.Instance]
	copies copies
	hedges hedges

	serverFirst map[uint16]bool
	outside     *outside
	streams     StreamCount
	traces      TraceCounts
	silent      atomic.Uint64
	races       atomic.Uint64
	overflow    atomic.Uint64
}

// NewOutbound makes an Outbound; Serve starts it.
func NewOutbound(cfg OutboundConfig, d OutboundDeps) *Outbound {
	if cfg.ConnectTime == 0 {
		cfg.ConnectTime = 5 * time.Second
	}
	if cfg.IdleTime == 0 {
		cfg.IdleTime = time.Minute
	}
	if cfg.StreamIdle == 0 {
		cfg.StreamIdle = time.Hour
	}
	if cfg.DetectTime == 0 {
		cfg.DetectTime = defaultDetectTime
	}
	if cfg.ServerFirst == nil {
		cfg.ServerFirst = ServerFirst()
	}
	if d.Find == nil {
		d.Find = func(netip.AddrPort) (mesh.ServiceName, bool) { return "", false }
	}
	if d.Chance == nil {
		d.Chance = rand.Float64
	}
	if d.Tap == nil {
		d.Tap = tap.New(nil)
	}
	d.Sampler, d.Logs, d.Spans = orNothing(d.Sampler), orNothing(d.Logs), orNothing(d.Spans)
	d.Onward = orNothing(d.Onward)
	o := &Outbound{
		cfg: cfg, deps: d, hosts: hosts{namespace: cfg.Namespace},
		serverFirst: map[uint16]bool{}, outside: newOutside(),
	}
	for _, p := range cfg.ServerFirst {
		o.serverFirst[p] = true
	}
	o.copies.init()
	o.handle = o.layers()
	return o
}

// Serve serves connections from the app until ctx ends, and then drains. The
// service is the one that each request's host names.
func (o *Outbound) Serve(ctx context.Context, l net.Listener) error {
	return o.ServeFixed(ctx, l, "")
}

// ServeFixed is Serve for a port that stands for one service, whatever host its
// requests name.
func (o *Outbound) ServeFixed(ctx context.Context, l net.Listener, s mesh.ServiceName) error {
	return o.ServePort(ctx, l, Port{Service: s})
}

// ServePort is Serve for a port of which more is known.
func (o *Outbound) ServePort(ctx context.Context, l net.Listener, port Port) error {
	listening := listen.Config{Drain: o.cfg.Drain, Connections: o.cfg.Connections, Overflow: &o.overflow}
	if o.deps.Heir != nil {
		listening.Heir = func() listen.Pass { return o.deps.Heir(port) }
	}
	server := listen.New(listening, func(ctx context.Context, c *listen.Conn) {
		o.accept(ctx, c, port)
	})
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		o.links.sweep(sweeping)
	}()
	err := server.Serve(ctx, l)
	stop()
	<-swept
	return err
}

// Close ends what is under way of mirrors and closes the connections to all
// instances. Call it when no Serve runs.
func (o *Outbound) Close() {
	o.copies.close()
	o.links.closeAll()
}

// Races is how many requests met the end of a connection that was kept.
func (o *Outbound) Races() uint64 { return o.races.Load() }

// Overflow is how many connections were closed because a listener had its limit.
func (o *Outbound) Overflow() uint64 { return o.overflow.Load() }

// Streams counts the streams of bytes from the app.
func (o *Outbound) Streams() *StreamCount { return &o.streams }

// Traces counts what was left out of trace contexts.
func (o *Outbound) Traces() *TraceCounts { return &o.traces }

// Silent is how many connections were taken for streams because nothing was said on
// them within Config.DetectTime: naming the protocol saves their clients that wait.
func (o *Outbound) Silent() uint64 { return o.silent.Load() }

// Remove closes the connections to an instance that is no longer there, or whose limits
// have changed. Requests on them are finished.
func (o *Outbound) Remove(i *upstream.Instance) { o.links.remove(i) }

// Retire does as Remove with the instances that it is to be done with. They get new
// connections when they are called next; a stream of bytes goes on.
func (o *Outbound) Retire(which func(mesh.InstanceID) bool) {
	o.links.removeOf(func(i *upstream.Instance) bool { return which(i.Info.ID) })
}

// layers is the way of a request, from the outside in.
func (o *Outbound) layers() handler {
	return observe(o.deps.Sink, o.deps.Tap, keeps{o.deps.Sampler, o.deps.Logs, o.deps.Spans}, // first, so that our own refusals are told too
		rescue( // errors become responses here and nowhere else
			o.match( // finds service and route; nothing below looks at a host name
				o.tries(),
				o.rules())))
}

// tries is the way of a request of a route that has no rules.
func (o *Outbound) tries() handler {
	return relay(o.deps.Tap, // passes the answer on that the layers below settle on
		again(o.deps.Budget, // each try below picks afresh
			o.hedge( // beside which there may be another
				o.pick( // an instance that takes requests, with a receipt
					o.forward)))) // over a connection that is kept
}

// rules is the way of a request of a route that has some.
func (o *Outbound) rules() handler {
	return o.inject( // delays and failures come before all else
		share( // with pages of other origins
			respond( // in an instance's stead, or the path is rewritten
				relay(o.deps.Tap,
					o.mirror( // once the request has left, and before its answer has
						again(o.deps.Budget,
							o.hedge(
								o.pick(
									o.forward))))))))
}

// match finds the service that is asked for, and its route.
func (o *Outbound) match(plain, ruled handler) handler {
	return func(x *exchange) error {
		if x.ask.Method == http.MethodConnect && !x.stream && !x.extended {
			return fmt.Errorf("CONNECT: %w", errNotDone)
		}
		service, err := o.asked(x)
		if err != nil {
			return err
		}
		x.rec.Peer.Service = string(service)
		table, err := o.deps.Resolve(x.ctx, service, x.deadline)
		if err != nil {
			return err
		}
		r, err := find(table, service, x)
		if err != nil {
			return err
		}
		x.route, x.rec.Route, x.rec.ConfigVersion = r, r.NameFor(&x.ask), r.ConfigVersion
		if r.Timeout > 0 {
			x.limit(r.Timeout)
		}
		if r.Rules != nil {
			return ruled(x)
		}
		return plain(x)
	}
}

// asked is the service that is asked for; the port of it goes to where routes look.
func (o *Outbound) asked(x *exchange) (mesh.ServiceName, error) {
	x.ask.Port = x.port
	if x.fixed != "" {
		return x.fixed, nil
	}
	to, err := o.hosts.service(x.ask.Authority)
	if err != nil {
		return "", err
	}
	if to.port != 0 {
		x.ask.Port = to.port
	}
	return to.service, nil
}

// find is the route of a request or of a stream.
func find(t *route.Table, s mesh.ServiceName, x *exchange) (*route.Route, error) {
	if x.fixed == "" && x.port != 0 && x.ask.Port == x.port && !t.HasPort(s, x.port) {
		x.ask.Port = 0 // it was connected to, which says nothing of a service by another name
	}
	if x.stream {
		return t.Stream(s, x.wants(t.App(s, x.ask.Port)))
	}
	return t.Match(s, &x.ask)
}

// pick chooses an instance for one try.
func (o *Outbound) pick(next handler) handler {
	return func(x *exchange) error {
		lease, err := o.deps.Pick(x.route, &x.ask, x.tried)
		if err != nil {
			return err
		}
		o.takeUp(x, lease, time.Now())
		x.tried = append(x.tried, lease.Instance)
		err = next(x)
		noteTry(x, err)
		return err
	}
}

// takeUp makes the lease that of the present try.
func (*Outbound) takeUp(x *exchange, lease upstream.Lease, sent time.Time) {
	x.lease, x.leased, x.sent = lease, true, sent
	x.takeEdits(lease)
	x.rec.Choice, x.rec.PassedOver = lease.Why, lease.Passed
	x.rec.Port = lease.Instance.Info.AppPort
	x.rec.Peer, x.rec.MTLS = peerOf(lease.Instance)
}

// peerOf is who an instance is, and whether the connections to it prove that.
func peerOf(i *upstream.Instance) (peer emit.Peer, mtls bool) {
	to := &i.Info
	peer = emit.Peer{Service: string(to.Service), Version: string(to.Version), Instance: string(to.ID)}
	if i.Plaintext() {
		return peer, false
	}
	peer.Identity = string(to.Identity)
	return peer, true
}

// takeEdits makes the changes those for the lease's destination.
func (x *exchange) takeEdits(lease upstream.Lease) {
	if r := x.route.Rules; r != nil {
		x.apply(r, lease.Destination)
		x.cookied = false
	}
	if lease.Cookie != "" {
		x.setCookie(lease.Cookie)
	}
}

// forward sends the request and awaits the head of the answer.
func (o *Outbound) forward(x *exchange) error {
	i := x.lease.Instance
	open := func() *link { return o.open(i) }
	a, err := x.via.send(x, o.links.to(i, open))
	if isClosed(err) && x.via.repeatable() { // just now: there is a new link by then
		a, err = x.via.send(x, o.links.to(i, open))
	}
	x.answer = a
	return err
}

// keepAlive is how long another sidecar may be silent on a connection of HTTP/2 before
// it is asked whether it is there.
const keepAlive = 15 * time.Second

func (o *Outbound) open(i *upstream.Instance) *link {
	limits := i.Limits()
	within := o.cfg.ConnectTime
	if limits.ConnectTimeout > 0 {
		within = limits.ConnectTimeout
	}
	cfg := pool.Config{
		IdleTime: o.cfg.IdleTime, MaxIdle: 128,
		Requests: limits.RequestsPerConnection, Age: limits.ConnectionAge, Quota: i.Quota(),
		Dialling: maxDialling, Patience: within,
	}
	if limits.IdleTimeout > 0 {
		cfg.IdleTime = limits.IdleTimeout
	}
	l := newLink(cfg, within, func(ctx context.Context, alpn string) (net.Conn, error) {
		return o.deps.Dial(ctx, i, alpn)
	})
	l.plain, l.races = i.Plaintext(), &o.races
	l.streamIdle, l.streamAge = limits.StreamIdle, limits.ConnectionAge
	l.h2.SetStreams(limits.Streams)
	if i.Info.Bare() {
		l.toApp(i)
		return l
	}
	l.polite = true
	l.h2.SetKeepAlive(keepAlive)
	return l
}

// toApp readies a link for an app without a sidecar, which speaks one version of HTTP, and
// may take pings for abuse.
func (l *link) toApp(i *upstream.Instance) {
	if said := i.Protocol(); !said.Opaque() {
		l.app.said = said
	}
	if i.TLS() != nil {
		l.scheme = "https"
	}
}
