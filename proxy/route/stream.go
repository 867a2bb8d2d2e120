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

// App is what the instances of s say of their apps.
func (t *Table) App(s mesh.ServiceName) App {
	if found, ok := t.services[s]; ok {
		return found.app
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

// appOf is what all instances of a service say alike.
func appOf(all []mesh.Instance) App {
	var out App
	for n := range all {
		i := &all[n]
		if n == 0 {
			out = App{Protocol: i.AppProtocol, Port: i.AppPort}
			continue
		}
		if i.AppProtocol != out.Protocol {
			out.Protocol = ""
		}
		if i.AppPort != out.Port {
			out.Port = 0
		}
	}
	return out
}
