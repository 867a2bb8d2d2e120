package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// listeners are the sidecar's sockets. They are bound before anything else happens,
// so that they are reserved and known.
type listeners struct {
	outbound, inbound, admin net.Listener
	upstreams                map[serve.Port]net.Listener
	// outbound6 is outbound on IPv6, where the kernel redirects that: to ::1.
	outbound6 net.Listener
}

// Names of the listeners, for whom they are handed over to.
const (
	outboundName   = "outbound"
	outbound6Name  = "outbound over IPv6"
	inboundName    = "inbound"
	adminName      = "admin"
	upstreamPrefix = "upstream " // with the service
)

func bind(ctx context.Context, c Config, log *slog.Logger) (*listeners, error) {
	l := &listeners{upstreams: map[serve.Port]net.Listener{}}
	var bad []error
	if c.Transparent { // the kernel's rules name these ports: no other will do
		c.Outbound, c.Inbound = cmp.Or(c.Outbound, DefaultOutbound), cmp.Or(c.Inbound, DefaultInbound)
	}
	for _, one := range []struct {
		name, asked, stable string
		into                *net.Listener
	}{
		{outboundName, c.Outbound, DefaultOutbound, &l.outbound},
		{inboundName, c.Inbound, DefaultInbound, &l.inbound},
		{adminName, c.Admin, DefaultAdmin, &l.admin},
	} {
		var err error
		if *one.into, err = listenOn(ctx, one.asked, one.stable); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", one.name, err))
			continue
		}
		log.Info("listening", "listener", one.name, "address", (*one.into).Addr().String(), "moved", moved(one.asked, one.stable, *one.into))
	}
	for name, u := range c.Upstreams {
		if u.Address == "" {
			continue
		}
		port, err := portOf(name, u, c.Namespace)
		if err == nil {
			l.upstreams[port], err = new(net.ListenConfig).Listen(ctx, "tcp", u.Address)
		}
		if err != nil {
			delete(l.upstreams, port)
			bad = append(bad, fmt.Errorf("upstream %s: %w", name, err))
		}
	}
	if c.Transparent && l.outbound != nil {
		var err error
		if l.outbound6, err = alsoOnIPv6(ctx, l.outbound.Addr()); err != nil {
			bad = append(bad, fmt.Errorf("outbound: %w", err))
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(append(bad, l.close())...)
	}
	return l, nil
}

// alsoOnIPv6 listens on ::1 beside 127.0.0.1; nil if the machine has no IPv6, or the
// first listener has both.
func alsoOnIPv6(ctx context.Context, outbound net.Addr) (net.Listener, error) {
	t, ok := outbound.(*net.TCPAddr)
	if !ok || !t.IP.IsLoopback() || t.IP.To4() == nil {
		return nil, nil //nolint:nilnil // there is nothing to listen on, and no harm in that
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(t.Port)))
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		return nil, nil //nolint:nilnil // a machine without IPv6 has none to redirect
	}
	return l, err
}

func portOf(name string, u Upstream, namespace string) (serve.Port, error) {
	service, err := mesh.ResolveHost(name, namespace)
	out := serve.Port{Service: service, Protocol: u.Protocol}
	if _, port, bad := net.SplitHostPort(name); bad == nil && err == nil {
		n, bad := strconv.ParseUint(port, 10, 16)
		if bad != nil || n == 0 {
			return out, fmt.Errorf("%q is not a port", port)
		}
		out.Number = uint16(n)
	}
	return out, err
}

// listenOn listens on the address asked for or, when none was, on the stable one; if
// that is taken, on any other port of its host.
func listenOn(ctx context.Context, asked, stable string) (net.Listener, error) {
	if asked != "" {
		return new(net.ListenConfig).Listen(ctx, "tcp", asked)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", stable)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	host, _, err := net.SplitHostPort(stable)
	if err != nil {
		return nil, err
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
}

// moved reports whether a listener is not where it is looked for, as its stable port
// was taken.
func moved(asked, stable string, l net.Listener) bool {
	_, want, wantErr := net.SplitHostPort(stable)
	_, got, gotErr := net.SplitHostPort(l.Addr().String())
	return asked == "" && wantErr == nil && gotErr == nil && want != got
}

func (l *listeners) close() error {
	var bad []error
	all := []net.Listener{l.outbound, l.inbound, l.admin}
	if l.outbound6 != nil {
		all = append(all, l.outbound6)
	}
	for _, u := range l.upstreams {
		all = append(all, u)
	}
	for _, one := range all {
		if one == nil {
			continue
		}
		if err := one.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			bad = append(bad, err)
		}
	}
	return errors.Join(bad...)
}

// advertised is the address others reach the inbound listener at.
func advertised(ctx context.Context, c Config, inbound net.Addr) (netip.AddrPort, error) {
	bound, err := netip.ParseAddrPort(inbound.String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find the address to advertise: %w", err)
	}
	if c.Advertise != "" {
		host, err := addressOf(ctx, c.Advertise)
		return netip.AddrPortFrom(host, bound.Port()), err
	}
	if !bound.Addr().IsUnspecified() {
		return bound, nil
	}
	// No packet is sent: connecting a datagram socket only asks the routing table.
	conn, err := new(net.Dialer).DialContext(ctx, "udp", c.firstControlPlane())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find this machine's address towards the control plane: %w; give --advertise", err)
	}
	defer func() { _ = conn.Close() }()
	own, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find the address to advertise: %w", err)
	}
	return netip.AddrPortFrom(own.Addr(), bound.Port()), nil
}

// addressOf is the address of a host that was given by name or address. Of several it
// is the first of IPv4, which callers of either kind can reach more often.
func addressOf(ctx context.Context, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("advertise %s: want an address, or a name that has one: %w", host, err)
	}
	for _, a := range found {
		if a = a.Unmap(); a.Is4() {
			return a, nil
		}
	}
	return found[0], nil
}
