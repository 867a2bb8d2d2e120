package serve

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/proxy/authorize"
)

// Guard is what is enforced on requests to the app, compiled. It is swapped whole;
// its zero value lets everything in.
type Guard struct {
	Authorize *authorize.Policies
}

// guardCounts are those of an Inbound.
type guardCounts struct{ allowed, denied, rehearsed atomic.Uint64 }

// Guarded counts what an Inbound's policies decided. What no policy was asked about
// is in none of them.
type Guarded struct {
	Allowed, Denied uint64
	Rehearsed       uint64 // that a dry-run policy would have denied
}

// Guarded counts decisions since the start.
func (in *Inbound) Guarded() Guarded {
	return Guarded{Allowed: in.guards.allowed.Load(), Denied: in.guards.denied.Load(), Rehearsed: in.guards.rehearsed.Load()}
}

var errUnguarded = errors.New("no control plane has said yet what this sidecar may let in")

// guard finds what is enforced on this request; the layers below find it in x.
func (in *Inbound) guard(next handler) handler {
	return func(x *exchange) error {
		if in.deps.Guard != nil {
			if x.guard = in.deps.Guard(); x.guard == nil {
				return errUnguarded
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
	return x.guard.Authorize.Request(&authorize.Request{
		Caller: x.caller, Method: x.ask.Method, Host: x.ask.Authority, Path: pathOf(x.ask.Path), Header: x.ask.Header,
	})
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
func (in *Inbound) callerOf(c net.Conn, identity, sni string) *authorize.Caller {
	source, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	local, _ := netip.ParseAddrPort(c.LocalAddr().String())
	return authorize.NewCaller(authorize.Connection{
		Identity: identity, Source: source.Addr(), To: netip.AddrPortFrom(local.Addr(), in.port), SNI: sni,
	})
}
