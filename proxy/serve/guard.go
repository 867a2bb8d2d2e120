package serve

import (
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/token"
)

// Guard is what is enforced on requests to the app, compiled. It is swapped whole;
// its zero value lets everything in.
type Guard struct {
	Tokens    *token.Verifier
	Authorize *authorize.Policies
	Rates     []Rate
	InFlight  *InFlight // nil bounds nothing
	Adaptive  *Adaptive // nil likewise
	// MTLS is which connections are taken, and PortMTLS which are at ports of the app of
	// which something else holds.
	MTLS     MTLS
	PortMTLS map[uint16]MTLS
	// Connections is how many each caller may have; 0 is mostConnections.
	Connections int
}

// guardCounts are those of an Inbound.
type guardCounts struct{ allowed, denied, rehearsed, tokens, badTokens, limited, crowded, adapted atomic.Uint64 }

// Guarded counts what an Inbound's policies decided. What no policy was asked about
// is in none of them.
type Guarded struct {
	Allowed, Denied uint64
	Rehearsed       uint64 // that a dry-run policy would have denied
	Tokens          uint64 // that were verified
	BadTokens       uint64 // that were refused
	Limited         uint64 // that came too often
}

// Guarded counts decisions since the start.
func (in *Inbound) Guarded() Guarded {
	g := &in.guards
	return Guarded{
		Allowed: g.allowed.Load(), Denied: g.denied.Load(), Rehearsed: g.rehearsed.Load(),
		Tokens: g.tokens.Load(), BadTokens: g.badTokens.Load(), Limited: g.limited.Load(),
	}
}

// errUnguarded is a request that comes too early.
var errUnguarded = &rejection{
	status: http.StatusServiceUnavailable, flags: "UAEX", grpc: 14, // UNAVAILABLE
	reason: "no control plane has said yet what this sidecar may let in",
}

// guard finds what is enforced on this request; the layers below find it in x.
func (in *Inbound) guard(next handler) handler {
	return func(x *exchange) error {
		if in.deps.Guard != nil {
			if x.guard = in.deps.Guard(); x.guard == nil {
				return errUnguarded
			}
			if !x.rec.MTLS && x.guard.mtls(x.rec.Port) == Strict {
				return errStrict
			}
		}
		return next(x)
	}
}

// authenticate verifies the token that the request carries, if it does.
func (in *Inbound) authenticate(next handler) handler {
	return func(x *exchange) error {
		if x.guard == nil || x.guard.Tokens == nil || x.stream {
			return next(x)
		}
		tokens := x.guard.Tokens
		t, err := tokens.Verify(x.ctx, &token.Request{Header: x.ask.Header, Target: x.ask.Path})
		bare := tokens.WithoutParams(x.ask.Path)
		if x.rec.Path == x.ask.Path {
			x.rec.Path = bare // tokens are not told
		}
		if err != nil {
			in.guards.badTokens.Add(1)
			return unauthenticated(err)
		}
		out := x.change()
		out.request = tokens.Strip()
		if t != nil {
			in.guards.tokens.Add(1)
			out.request, x.token = t.Edits, t
			if !tokens.Forwards() && len(bare) != len(x.ask.Path) {
				out.path = bare
			}
		}
		return next(x)
	}
}

// authorize lets through what the policies allow.
func (in *Inbound) authorize(next handler) handler {
	return func(x *exchange) error {
		if x.guard == nil || x.guard.Authorize == nil {
			return next(x)
		}
		d := x.decide()
		if d.Rehearsed {
			in.guards.rehearsed.Add(1)
		}
		if !d.Allowed {
			in.guards.denied.Add(1)
			return denied(d.Reason)
		}
		in.guards.allowed.Add(1)
		err := next(x)
		if err == nil && x.rec.Reason == "" {
			x.rec.Reason = d.Note
		}
		return err
	}
}

// decide asks the policies. What is said of requests does not hold for a stream.
func (x *exchange) decide() authorize.Decision {
	if x.stream {
		return x.guard.Authorize.Stream(x.caller)
	}
	q := x.question()
	return x.guard.Authorize.Request(&q)
}

// question is the request as policies look at it.
func (x *exchange) question() authorize.Request {
	q := authorize.Request{
		Caller: x.caller, Method: x.ask.Method, Host: x.ask.Authority, Path: pathOf(x.ask.Path), Header: x.ask.Header,
	}
	if x.token != nil {
		q.Claims = x.token
	}
	return q
}

// pathOf is a request target without its query and fragment.
func pathOf(target string) string {
	for i := range len(target) {
		if target[i] == '?' || target[i] == '#' {
			return target[:i]
		}
	}
	return target
}

// callerOf is what policies ask of a connection.
func callerOf(c net.Conn, identity, sni string, to *appPort) *authorize.Caller {
	port := uint16(0)
	if to != nil {
		port = to.port
	}
	source, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	local, _ := netip.ParseAddrPort(c.LocalAddr().String())
	return authorize.NewCaller(authorize.Connection{
		Identity: identity, Source: source.Addr(), To: netip.AddrPortFrom(local.Addr(), port), SNI: sni,
	})
}
