package route

import (
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// App is what the instances of a service say of their apps. Zero fields are not said,
// or not by all alike.
type App struct {
	Protocol mesh.AppProtocol
	Port     uint16
}

// App is what the instances of s say of their apps at a port; 0 is the first.
func (t *Table) App(s mesh.ServiceName, number uint16) App {
	found, ok := t.services[s]
	if !ok {
		return App{}
	}
	if at := found.at(number); at != nil {
		return at.app
	}
	return App{}
}

// streamOf makes the route of streams that no route was written for: that of the first
// for requests which asks nothing of them, for its destinations, else to every
// instance. What a route does to requests beside that means nothing here.
func streamOf(s *mesh.Snapshot, routes []*Route) *Route {
	out := everyInstance(s)
	for _, r := range routes {
		if len(r.matches) == 0 && len(r.destinations) > 0 {
			out.Name, out.destinations = r.Name, r.destinations
			break
		}
	}
	out.Retry = retry.Default() // of connections: nothing was sent
	return out
}

// appOf is what all instances of a service that have a port say alike of it.
func appOf(s *mesh.Snapshot, group uint16) App {
	var out App
	first := true
	for n := range s.Instances {
		p, ok := s.PortAt(&s.Instances[n], group)
		if !ok {
			continue
		}
		if first {
			out, first = App{Protocol: p.Protocol, Port: p.Number}, false
			continue
		}
		if p.Protocol != out.Protocol {
			out.Protocol = ""
		}
		if p.Number != out.Port {
			out.Port = 0
		}
	}
	return out
}
