package serve

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Onward is a compiled list of mesh.Onward: the hosts, by port, that redirected
// connections may go on to. It is never changed. Nil has none.
type Onward struct {
	whole, below map[onwardKey]string // to the name that they are told of by
}

type onwardKey struct {
	host string // whole, or what is behind "*"
	port uint16
	tls  bool
}

// CompileOnward proves the list.
func CompileOnward(all []mesh.Onward) (*Onward, error) {
	out := &Onward{whole: map[onwardKey]string{}, below: map[onwardKey]string{}}
	for _, one := range all {
		for _, h := range one.Hosts {
			to, host := out.whole, h.Host
			if below, wild := strings.CutPrefix(host, "*"); wild {
				to, host = out.below, below
			}
			if strings.Trim(host, ".") == "" || strings.Contains(host, "*") || h.Name == "" {
				return nil, fmt.Errorf("onward %s: %q, told of as %q, is no host", one.Entry, h.Host, h.Name)
			}
			for _, p := range one.Ports {
				key := onwardKey{host, p.Number, p.TLS}
				if _, taken := to[key]; !taken {
					to[key] = h.Name
				}
			}
		}
	}
	if len(out.whole)+len(out.below) == 0 {
		return nil, nil //nolint:nilnil // as there is nothing to look up
	}
	return out, nil
}

// name is what a host at a port is told of by, "" where it may not go on there. A host
// itself comes before a wildcard, and of those the longest.
func (o *Onward) name(host string, port uint16, tls bool) string {
	if o == nil {
		return ""
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	key := onwardKey{strings.ToLower(strings.TrimSuffix(host, ".")), port, tls}
	if name, ok := o.whole[key]; ok {
		return name
	}
	for {
		dot := strings.IndexByte(key.host[min(1, len(key.host)):], '.')
		if dot < 0 {
			return ""
		}
		key.host = key.host[dot+1:]
		if name, ok := o.below[key]; ok {
			return name
		}
	}
}

// goesOn reports whether each request of a connection of HTTP/1 has to be looked at for
// itself, as one of them may go on: unless all of it leaves the mesh as it is.
func (o *Outbound) goesOn(a *arrival, host string, inMesh bool) bool {
	hosts := o.deps.Onward()
	return hosts != nil && (inMesh || !o.cfg.AllowAny || hosts.name(host, a.original.Port(), false) != "")
}

// onwardHTTP serves requests of a connection of HTTP/1 of which some may go on to where it
// was going: the next one may name a service of the mesh, or a host that it may not go on to.
func (o *Outbound) onwardHTTP(ctx context.Context, a *arrival) {
	there := o.outside.link(a.original, o.cfg.ConnectTime)
	there.plain = true
	defer there.close()
	cfg := o.http("", a.wanted())
	cfg.handle = o.beyond(a, there)
	serveH1(ctx, a.conn, a.conn.Conn, cfg)
}
