package serve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// App is one port of the app.
type App struct {
	// Address is where the app listens: "127.0.0.1:8080".
	Address string
	// Protocol is what it speaks there; empty is found out: an app that does not answer
	// HTTP/2 in kind is spoken to in HTTP/1.1.
	Protocol mesh.AppProtocol
}

// appPort is the way to one port of the app.
type appPort struct {
	*link

	port uint16
}

// newApp makes the way; it dials at the first request.
func (in *Inbound) newApp(a App) *appPort {
	out := &appPort{}
	if at, err := netip.ParseAddrPort(a.Address); err == nil {
		out.port = at.Port()
	}
	var dialer net.Dialer
	cfg := pool.Config{IdleTime: in.cfg.IdleTime, Learn: true, MaxIdle: 128, Dialling: maxDialling, Patience: in.cfg.ConnectTime}
	out.link = newLink(cfg, in.cfg.ConnectTime, func(ctx context.Context, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", a.Address)
	})
	out.races, out.app.said = &in.races, a.Protocol
	return out
}

// appOf is the port of the app that a caller asks for by a server name; nil if the app
// has no such port.
func (in *Inbound) appOf(serverName string) *appPort {
	number, ok := askedPort(serverName)
	if !ok {
		return in.apps[0]
	}
	for _, a := range in.apps {
		if a.port == number {
			return a
		}
	}
	return nil
}

// errNoPort is a request for a port that the app does not have: its caller has not heard
// yet of what the instance is now. As nothing was sent, it may go to another one.
func errNoPort(serverName string) error {
	number, _ := askedPort(serverName)
	return &broken{end: retry.ConnectFailed, cause: fmt.Errorf("connect: the app has no port %d", number)}
}

// What stands before and after the port in a server name between sidecars.
const (
	portPrefix = "outbound_."
	portSuffix = "_._."
)

// ServerName is what a sidecar asks another one for in the handshake, in Istio's form:
// "outbound_.9090_._.hello.default.svc.cluster.local". For an app's first port it is
// empty, which every sidecar understands. By it a connection is for one port from its
// first byte on, and all of its requests are, without another word.
func ServerName(port uint16, s mesh.ServiceName) string {
	if port == 0 {
		return ""
	}
	return portPrefix + strconv.Itoa(int(port)) + portSuffix + s.Name() + "." + s.Namespace() + ".svc.cluster.local"
}

// askedPort is the port in a server name that ServerName made; not ok in any other.
func askedPort(serverName string) (uint16, bool) {
	rest, ok := strings.CutPrefix(serverName, portPrefix)
	if !ok {
		return 0, false
	}
	digits, _, ok := strings.Cut(rest, "_.")
	if !ok {
		return 0, false
	}
	number := numberOf(digits)
	return number, number > 0
}

// numberOf is the port that digits name, 0 if they name none.
func numberOf(digits string) uint16 {
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
