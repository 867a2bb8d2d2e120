package serve

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/clienthello"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/socket"
	"github.com/sightline-mesh/sightline/proxy/stream"
)

// MTLS is which connections an Inbound takes.
type MTLS uint8

// The modes.
const (
	Strict     MTLS = iota // mutual TLS of the mesh only
	Permissive             // that, or plaintext
	Disable                // plaintext: any TLS is the app's own
)

// errStrict is a request on a connection from before plaintext was forbidden.
var errStrict = &rejection{
	status: http.StatusForbidden, flags: "UAEX", grpc: 7, // PERMISSION_DENIED
	reason: "plaintext, and by now only mutual TLS is taken (PeerAuthentication STRICT)",
}

// plaintexts are the connections without mutual TLS.
type plaintexts struct {
	taken atomic.Uint64

	mu  sync.Mutex // guards what follows
	now map[*listen.Conn]*plaintext
}

// plaintext is one of them.
type plaintext struct {
	port    uint16 // of the app
	cut     context.CancelFunc
	retired time.Time // zero while it may be
}

func (p *plaintexts) join(c *listen.Conn, to *appPort, cut context.CancelFunc) {
	p.taken.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.now = make(map[*listen.Conn]*plaintext)
	}
	p.now[c] = &plaintext{port: to.port, cut: cut}
}

func (p *plaintexts) leave(c *listen.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.now, c)
}

// retire ends those to ports that take none any more: requests under way are finished, and
// what goes on for longer than the drain time after they were first told is cut. What may
// be again by then is spared. Taking is nil while no port takes any.
func (p *plaintexts) retire(taking *Guard, now time.Time, drain time.Duration) {
	p.mu.Lock()
	var retired []*listen.Conn
	for c, one := range p.now {
		switch {
		case taking != nil && taking.mtls(one.port) != Strict:
			one.retired = time.Time{}
		case one.retired.IsZero():
			one.retired = now
			retired = append(retired, c)
		case now.Sub(one.retired) >= drain:
			one.cut()
		}
	}
	p.mu.Unlock()
	for _, c := range retired {
		c.Retire()
	}
}

// Plaintext is how many connections were taken without mutual TLS.
func (in *Inbound) Plaintext() uint64 { return in.plain.taken.Load() }

// mtls is which connections are taken at a port of the app.
func (g *Guard) mtls(port uint16) MTLS {
	if len(g.PortMTLS) > 0 {
		if mode, ok := g.PortMTLS[port]; ok {
			return mode
		}
	}
	return g.MTLS
}

// strict reports whether plaintext is taken at no port at all.
func (g *Guard) strict() bool {
	for _, mode := range g.PortMTLS {
		if mode != Strict {
			return false
		}
	}
	return g.MTLS == Strict
}

// taking is the guard in force if it lets plaintext in at some port, else nil.
func (in *Inbound) taking() *Guard {
	if in.deps.Guard == nil {
		return nil
	}
	if g := in.deps.Guard(); g != nil && !g.strict() {
		return g
	}
	return nil
}

// unsecured serves the connection if it is one without mutual TLS that may be, and
// reports whether it was.
func (in *Inbound) unsecured(ctx context.Context, c *listen.Conn) bool {
	guard := in.taking()
	if guard == nil {
		return false
	}
	app, redirected := in.redirectedTo(c)
	mode := guard.mtls(app.port)
	if mode == Strict {
		return false
	}
	protocol, err := detectPlain(c, detectConfig{app: app, bytes: mode == Disable && (redirected || len(in.apps) == 1)})
	if err != nil {
		return true // it has gone
	}
	if protocol == listen.TLS {
		if isMesh(c) && (mode == Permissive || in.asksForAnother(c)) {
			return false
		}
		protocol = listen.TCP
	}
	in.servePlain(ctx, c, protocol, app)
	return true
}

// redirectedTo is the port of the app that a connection was going to when the kernel
// redirected it; else the first: plaintext has no other way to say which one it is for.
func (in *Inbound) redirectedTo(c *listen.Conn) (to *appPort, redirected bool) {
	if len(in.apps) > 1 {
		if original, ok := socket.OriginalDst(c.Conn); ok {
			for _, a := range in.apps {
				if a.port == original.Port() {
					return a, true
				}
			}
		}
	}
	return in.apps[0], false
}

// asksForAnother reports whether another sidecar's handshake names a port: it is taken
// whatever the port's mode is, as plaintext cannot name one.
func (in *Inbound) asksForAnother(c *listen.Conn) bool {
	hello, err := listen.PeekHello(c)
	if err != nil || len(in.apps) == 1 {
		return false
	}
	_, ok := askedPort(hello.ServerName)
	return ok
}

// detectConfig says what a connection may begin with.
type detectConfig struct {
	app   *appPort
	bytes bool // it cannot be TLS of the mesh: what carries bytes alone need not be looked at
}

// detectPlain tells what a connection begins with, where that may be TLS of the mesh, or what
// its app speaks, where that is known.
func detectPlain(c *listen.Conn, cfg detectConfig) (listen.Protocol, error) {
	said := cfg.app.app.said
	bytes := said == mesh.TCP || said == mesh.TLS || said == "" && slices.Contains(ServerFirst(), cfg.app.port)
	if bytes && cfg.bytes {
		return listen.TCP, nil
	}
	looking := listen.Detection{Opaque: true}
	if said == "" || bytes {
		looking.Silence = defaultDetectTime
	}
	found, err := listen.Detect(c, looking)
	switch {
	case found == listen.TLS:
	case bytes:
		found = listen.TCP
	case said != "" && found == listen.TCP:
		found = listen.HTTP1 // a malformed one
	}
	return found, err
}

// isMesh reports whether TLS that begins is that of another sidecar.
func isMesh(c *listen.Conn) bool {
	hello, err := listen.PeekHello(c)
	return err == nil && (slices.Contains(hello.ALPN, stream.Mesh) || isPrevious(hello))
}

// isPrevious reports whether it is the hello of a sidecar from before they offered
// [stream.Mesh]: TLS 1.3 alone, no server name, and the one protocol to be spoken.
func isPrevious(h clienthello.Hello) bool {
	return h.OnlyTLS13 && h.ServerName == "" && len(h.ALPN) == 1 &&
		slices.Contains([]string{stream.ALPN, "h2", "http/1.1"}, h.ALPN[0])
}

// servePlain serves a connection of which nothing is proved.
func (in *Inbound) servePlain(ctx context.Context, c *listen.Conn, protocol listen.Protocol, to *appPort) {
	seat, ok := in.callers.Join("plaintext "+sourceOf(c.Conn).String(), in.connections())
	if !ok {
		in.overCaller.Add(1)
		listen.Linger(c.Conn, crossing)
		return
	}
	defer in.callers.Quit(seat)
	defer in.plain.leave(c)
	caller := callerOf(c.Conn, "", "", to)
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	in.plain.join(c, to, cut)
	if protocol == listen.TCP {
		serveStream(ctx, c, c.Conn, rawClient{c}, streamConfig{
			direction: emit.Inbound, app: to, caller: caller, seat: seat, asks: route.Stream{}, idle: in.cfg.StreamIdle, handle: in.handle, count: &in.streams,
		})
		return
	}
	cfg := h1Config{direction: emit.Inbound, app: to, seat: seat, caller: caller, handle: in.handle, intake: in.cfg.Intake, traces: &in.traces, sampler: in.deps.Sampler, streamIdle: in.cfg.StreamIdle}
	if protocol == listen.HTTP2 {
		serveH2(ctx, c, c.Conn, cfg)
		return
	}
	serveH1(ctx, c, c.Conn, cfg)
}
