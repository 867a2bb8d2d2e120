package serve

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/socket"
)

// Port is what a listener stands for.
type Port struct {
	// Service is whom its connections are for; "" is whoever each request, or TLS's
	// server name, asks for.
	Service mesh.ServiceName
	// Number is the port of the service that they are for; 0 is the first of each instance.
	Number uint16
	// Protocol is what is spoken there; "" is told by the service's instances, else by
	// looking.
	Protocol mesh.AppProtocol
}

// ServerFirst are the ports on which servers speak first, or speak no HTTP in any
// case: SMTP, MySQL, PostgreSQL, Redis, Memcached, Elasticsearch's transport, Galera.
// Nobody is waited for there. They are Linkerd's.
func ServerFirst() []uint16 {
	return []uint16{25, 587, 3306, 4444, 4567, 4568, 5432, 6379, 9300, 11211}
}

// arrival is a connection from the app and what is known of where it wants to go.
type arrival struct {
	conn     *listen.Conn
	port     Port
	original netip.AddrPort // where it was going when the kernel redirected it; else zero
}

func (a *arrival) intercepted() bool { return a.original.IsValid() }

// wanted is the port that it was made to, as far as is known.
func (a *arrival) wanted() uint16 { return cmp.Or(a.port.Number, a.original.Port()) }

// accept serves one connection from the app to its end.
func (o *Outbound) accept(ctx context.Context, c *listen.Conn, port Port) {
	a := &arrival{conn: c, port: port}
	if o.cfg.Transparent && port.Service == "" {
		a.original, _ = socket.OriginalDst(c.Conn)
	}
	if a.intercepted() {
		if s, ok := o.deps.Find(a.original); ok {
			a.port.Service, a.port.Number = s, a.original.Port()
		}
	}
	protocol, err := o.detect(ctx, a)
	if err != nil { // it never sent a byte
		return
	}
	switch protocol {
	case listen.TCP:
		o.serveTCP(ctx, a)
	case listen.TLS:
		o.serveTLS(ctx, a)
	case listen.HTTP2:
		o.serveHTTP2(ctx, a)
	case listen.HTTP1:
		o.serveHTTP1(ctx, a)
	}
}

func (o *Outbound) http(s mesh.ServiceName, port uint16) h1Config {
	return h1Config{
		traces: &o.traces, sampler: o.deps.Sampler,
		direction: emit.Outbound, fixed: s, port: port, handle: o.handle, intake: o.cfg.Intake,
		streamIdle: o.cfg.StreamIdle, streams: &o.streams,
	}
}

// detect tells what a connection speaks: by what was said of it, else by its port,
// else by looking.
func (o *Outbound) detect(ctx context.Context, a *arrival) (listen.Protocol, error) {
	if a.port.Service == "" && !a.intercepted() {
		// Only HTTP and TLS say whom they want.
		p, err := listen.Detect(a.conn, listen.Detection{Opaque: true})
		if p == listen.TCP {
			p = listen.HTTP1 // a malformed one
		}
		return p, err
	}
	protocol, number, err := o.said(ctx, a)
	switch {
	case err != nil:
		return 0, err
	case protocol == mesh.TCP, protocol == mesh.TLS && a.port.Service != "":
		return listen.TCP, nil
	case protocol != "":
		return listen.Detect(a.conn, listen.Detection{})
	case o.serverFirst[number]:
		return listen.TCP, nil
	}
	found, err := listen.Detect(a.conn, listen.Detection{Opaque: true, Silence: o.cfg.DetectTime})
	if err == nil && found == listen.TCP && !socket.Of(a.conn.Conn).Readable() {
		o.silent.Add(1)
	}
	return found, err
}

// said is what was said of a connection's protocol, empty if nothing was, and the port
// that its server listens on, 0 if that is not known.
func (o *Outbound) said(ctx context.Context, a *arrival) (mesh.AppProtocol, uint16, error) {
	if a.port.Service == "" || a.port.Protocol != "" {
		return a.port.Protocol, a.original.Port(), nil
	}
	table, err := o.deps.Resolve(ctx, a.port.Service, time.Now().Add(tellWithin))
	switch {
	case ctx.Err() != nil:
		return "", 0, err
	case err != nil: // it is told by looking; the route is asked for again
		return "", a.original.Port(), nil //nolint:nilerr // that answers with the reason
	}
	app := table.App(a.port.Service, a.port.Number)
	return app.Protocol, cmp.Or(a.original.Port(), app.Port), nil
}

func (o *Outbound) stream(to Port, authority string) streamConfig {
	return streamConfig{
		direction: emit.Outbound, fixed: to.Service, port: to.Number, authority: authority, idle: o.cfg.StreamIdle, handle: o.handle, count: &o.streams,
	}
}

// serveTCP carries bytes to the service that the port or the address stands for.
func (o *Outbound) serveTCP(ctx context.Context, a *arrival) {
	if a.port.Service == "" {
		o.pass(ctx, a, "")
		return
	}
	cfg := o.stream(a.port, "")
	cfg.asks.Port = uint32(cmp.Or(a.original.Port(), a.port.Number))
	serveStream(ctx, a.conn, a.conn.Conn, rawClient{a.conn}, cfg)
}

// serveTLS carries an app's own TLS to the service that it names.
func (o *Outbound) serveTLS(ctx context.Context, a *arrival) {
	name := ""
	if hello, err := listen.PeekHello(a.conn); err == nil {
		name = hello.ServerName
	}
	cfg := o.stream(a.port, name)
	cfg.asks = route.Stream{TLS: true, SNI: name, Port: uint32(cmp.Or(a.original.Port(), a.port.Number))}
	switch {
	case !a.intercepted(): // of a port without a service, or of one
	case o.inMesh(ctx, name):
		cfg.fixed, cfg.port = "", a.wanted()
	case a.port.Service == "":
		o.pass(ctx, a, name)
		return
	}
	serveStream(ctx, a.conn, a.conn.Conn, tlsClient{rawClient{a.conn}}, cfg)
}

// tellWithin is how long a connection waits to be told from one that leaves the mesh, or
// for what its service speaks, when the control plane does not answer.
const tellWithin = 2 * time.Second

// inMesh reports whether a host names a service of the mesh, as far as that is known.
func (o *Outbound) inMesh(ctx context.Context, host string) bool {
	to, err := o.hosts.service(host)
	if err != nil {
		return false
	}
	table, err := o.deps.Resolve(ctx, to.service, time.Now().Add(tellWithin))
	return err == nil && table.Known(to.service)
}

// serveHTTP1 serves requests by their hosts. A connection that was going out of the
// mesh, by the host of its first request, is passed through as it is.
func (o *Outbound) serveHTTP1(ctx context.Context, a *arrival) {
	fixed := a.port.Service
	if a.intercepted() {
		host, err := peekHost(a.conn)
		if err != nil {
			return
		}
		switch inMesh := o.inMesh(ctx, host); {
		case fixed == "" && o.goesOn(a, host, inMesh):
			o.onwardHTTP(ctx, a)
			return
		case inMesh:
			fixed = ""
		case fixed == "" && o.cfg.AllowAny:
			o.pass(ctx, a, host)
			return
		}
	}
	serveH1(ctx, a.conn, a.conn.Conn, o.http(fixed, a.wanted()))
}

// serveHTTP2 serves requests by their hosts, each for itself: those of a connection that
// was going out of the mesh are passed on to where it was going.
func (o *Outbound) serveHTTP2(ctx context.Context, a *arrival) {
	cfg := o.http(a.port.Service, a.wanted())
	if a.intercepted() && a.port.Service == "" && (o.cfg.AllowAny || o.deps.Onward() != nil) {
		there := o.outside.link(a.original, o.cfg.ConnectTime)
		defer there.close()
		cfg.handle = o.beyond(a, there)
	}
	serveH2(ctx, a.conn, a.conn.Conn, cfg)
}

// alert is what is said to a client of TLS that names no service: fatal,
// unrecognized_name (RFC 6066).
const alert = "\x15\x03\x03\x00\x02\x02\x70"

// tlsClient is an app that speaks TLS of its own.
type tlsClient struct{ rawClient }

func (c tlsClient) deny(fault) {
	c.conn.Enter(listen.Unwatched)
	if _, err := c.conn.Write([]byte(alert)); err == nil {
		listen.Linger(c.conn.Conn, lingering)
	}
}

// defaultDetectTime is how long a client may say nothing, where anything may be
// spoken, until the server is asked to.
const defaultDetectTime = time.Second
