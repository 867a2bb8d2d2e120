package route

import (
	"fmt"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Stream is what routes of connections without HTTP look at.
type Stream struct {
	Port uint32 // that the connection was made to; 0 where it is not known
	To   uint16 // the port of the service that is asked for; 0 is the first
	TLS  bool   // it begins with TLS, which is passed through
	SNI  string // server name that the client asks for; empty if none
}

type streamRoute struct {
	matches []streamMatch
	*Route
}

type streamMatch struct {
	tls  bool
	sni  []string
	port uint32
}

// Stream finds the first route of s that fits a connection. Routes for TLS are about
// connections that begin with it. A connection that no route is about takes the one
// for requests that asks nothing of them, or goes to every instance. The error is
// ErrUnknownService, ErrUnknownPort or ErrNoRoute.
func (t *Table) Stream(s mesh.ServiceName, c Stream) (*Route, error) {
	found, ok := t.services[s]
	if !ok || !found.known {
		return nil, fmt.Errorf("%w: %s", ErrUnknownService, s)
	}
	at := &found.port
	if to := c.To; to != 0 && len(found.ports) > 0 {
		if at = found.at(to); at == nil {
			return nil, found.noPort(s, to)
		}
	}
	ruled := false
	for i := range at.streams {
		r := &at.streams[i]
		ruled = ruled || c.TLS || !r.onlyTLS()
		if r.fits(&c) {
			return r.Route, nil
		}
	}
	if ruled {
		return nil, fmt.Errorf("%w: port %d, server name %q of %s", ErrNoRoute, c.Port, c.SNI, s)
	}
	return at.stream, nil
}

func (r *streamRoute) onlyTLS() bool {
	for _, m := range r.matches {
		if !m.tls {
			return false
		}
	}
	return len(r.matches) > 0
}

func (r *streamRoute) fits(c *Stream) bool {
	if len(r.matches) == 0 {
		return true
	}
	for i := range r.matches {
		if r.matches[i].fits(c) {
			return true
		}
	}
	return false
}

func (m *streamMatch) fits(c *Stream) bool {
	if m.port != 0 && m.port != c.Port {
		return false
	}
	if !m.tls {
		return true
	}
	if !c.TLS {
		return false
	}
	for _, name := range m.sni {
		below, wild := strings.CutPrefix(name, "*")
		if wild && len(c.SNI) > len(below) && strings.EqualFold(c.SNI[len(c.SNI)-len(below):], below) || strings.EqualFold(c.SNI, name) {
			return true
		}
	}
	return false
}

func (c *compiler) streams(s *mesh.Snapshot) []streamRoute {
	var out []streamRoute
	for i, r := range s.Streams {
		path := fmt.Sprintf("service %s: streams[%d]", s.Service, i)
		compiled := streamRoute{Route: everyInstance(s)}
		compiled.Name = r.Name
		for j, m := range r.Matches {
			if m.TLS && len(m.SNI) == 0 {
				c.fault("%s.matches[%d].sni: is empty", path, j)
			}
			if c.caller.sends(m.SourceNamespace, m.SourceLabels) {
				compiled.matches = append(compiled.matches, streamMatch{tls: m.TLS, sni: m.SNI, port: m.Port})
			}
		}
		compiled.destinations = c.destinations(path, r.Destinations)
		if len(r.Matches) == 0 || len(compiled.matches) > 0 {
			out = append(out, compiled)
		}
	}
	return out
}
