package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// unnamed is the port that a URL of HTTP need not name: it is nobody's wish for a port.
const unnamed = 80

// at is the service at a port, nil where it has none of that number.
func (s *service) at(number uint16) *port {
	if number == 0 || len(s.ports) == 0 {
		return &s.port
	}
	for i := range s.ports {
		if s.ports[i].Number == number {
			return s.of(s.ports[i].Group)
		}
	}
	if number == unnamed {
		return &s.port
	}
	return nil
}

// HasPort reports whether a service is known to have a port of that number among several.
func (t *Table) HasPort(s mesh.ServiceName, number uint16) bool {
	found, ok := t.services[s]
	return ok && slices.ContainsFunc(found.ports, func(p mesh.ServicePort) bool { return p.Number == number })
}

func (s *service) of(group uint16) *port {
	for i := range s.others {
		if s.others[i].group == group {
			return &s.others[i]
		}
	}
	return &s.port
}

func (s *service) noPort(name mesh.ServiceName, number uint16) error {
	has := make([]string, len(s.ports))
	for i, p := range s.ports {
		has[i] = p.String()
	}
	return fmt.Errorf("%w: %d of %s, which has %s", ErrUnknownPort, number, name, strings.Join(has, ", "))
}

// at is a service at one of its other ports: the same routes, to that port wherever they
// name none and there is one.
func (c *compiler) at(s *mesh.Snapshot, first *port, group uint16) port {
	out := port{group: group, app: appOf(s, group)}
	for _, r := range first.routes {
		out.routes = append(out.routes, c.leading(s, r, group))
	}
	for _, r := range first.streams {
		out.streams = append(out.streams, streamRoute{matches: r.matches, Route: c.leading(s, r.Route, group)})
	}
	out.stream = c.leading(s, first.stream, group)
	return out
}

// lead puts groups in the place of the numbers in the routes of the first port.
func (c *compiler) lead(s *mesh.Snapshot, first *port) {
	for i, r := range first.routes {
		first.routes[i] = c.leading(s, r, 0)
	}
	for i, r := range first.streams {
		first.streams[i].Route = c.leading(s, r.Route, 0)
	}
	first.stream = c.leading(s, first.stream, 0)
}

// leading is a route of requests that were made to a port of s.
func (c *compiler) leading(s *mesh.Snapshot, r *Route, group uint16) *Route {
	if group == 0 && !r.namesPort() {
		return r
	}
	out := *r
	out.destinations = make([]Destination, len(r.destinations))
	for i, d := range r.destinations {
		d.Port = c.lands(s, d, group)
		out.destinations[i] = d
	}
	if r.Rules != nil && len(r.Rules.Mirrors) > 0 {
		rules := *r.Rules
		rules.Mirrors = make([]Mirror, len(r.Rules.Mirrors))
		for i, m := range r.Rules.Mirrors {
			rules.Mirrors[i] = Mirror{Route: c.leading(s, m.Route, group), Share: m.Share}
		}
		out.Rules = &rules
	}
	return &out
}

func (r *Route) namesPort() bool {
	for _, d := range r.destinations {
		if d.Port != 0 {
			return true
		}
	}
	if r.Rules != nil {
		for _, m := range r.Rules.Mirrors {
			if m.Route.namesPort() {
				return true
			}
		}
	}
	return false
}

// lands is the group of the port that a destination names, or else of the one that was
// asked for. A port that its service does not have now stays: nobody is found there.
func (c *compiler) lands(s *mesh.Snapshot, d Destination, group uint16) uint16 {
	to := c.set[d.Service]
	switch {
	case to == nil: // a fault of its own
		return 0
	case d.Port == 0:
		return to.Alike(s, group)
	}
	if g, ok := to.Group(d.Port); ok {
		return g
	}
	return d.Port
}
