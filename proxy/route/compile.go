package route

import (
	"errors"
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// Caller is whose requests a table is for: some matches are about it. The zero value
// is a caller that no such match names.
type Caller struct {
	Namespace string
	Labels    map[string]string
}

// Compile is Caller.Compile for the zero Caller.
func Compile(snaps []mesh.Snapshot) (*Table, error) { return Caller{}.Compile(snaps) }

// Compile makes a table of a whole set of snapshots. It refuses a set that is not
// consistent in itself or holds a value that cannot be used; the error lists every
// fault with the path of its field, "service reviews: routes[0].destinations[1].subset: …".
func (caller Caller) Compile(snaps []mesh.Snapshot) (*Table, error) {
	c := compiler{caller: caller, set: make(map[mesh.ServiceName]*mesh.Snapshot, len(snaps))}
	for i := range snaps {
		s := &snaps[i]
		if _, twice := c.set[s.Service]; twice {
			c.fault("service %s: is in the set twice", s.Service)
		}
		c.set[s.Service] = s
	}
	t := &Table{services: make(map[mesh.ServiceName]*service, len(snaps))}
	for i := range snaps {
		t.services[snaps[i].Service] = c.service(&snaps[i])
	}
	if len(c.faults) > 0 {
		return nil, errors.Join(c.faults...)
	}
	return t, nil
}

// sends reports whether a match that names a namespace or labels is about the caller.
func (c *Caller) sends(namespace string, labels map[string]string) bool {
	if namespace != "" && namespace != c.Namespace {
		return false
	}
	for name, want := range labels {
		if got, ok := c.Labels[name]; !ok || got != want {
			return false
		}
	}
	return true
}

type compiler struct {
	caller Caller
	set    map[mesh.ServiceName]*mesh.Snapshot
	faults []error
}

func (c *compiler) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

func (c *compiler) service(s *mesh.Snapshot) *service {
	if s.Service == "" {
		c.fault("a snapshot names no service")
	}
	out := &service{known: s.Known, ports: s.Ports}
	if !s.Known {
		return out
	}
	c.subsets(s)
	for i := range s.Routes {
		path := fmt.Sprintf("service %s: routes[%d]", s.Service, i)
		if r := c.route(path, s, &s.Routes[i]); len(s.Routes[i].Matches) == 0 || len(r.matches) > 0 {
			out.routes = append(out.routes, r)
			if s.Routes[i].Last {
				break
			}
		}
	}
	if len(s.Routes) == 0 {
		out.routes = []*Route{everyInstance(s)}
	}
	if h := c.hedge(s); h != nil {
		for _, r := range out.routes {
			r.Hedge = h
		}
	}
	out.streams, out.stream, out.app = c.streams(s), streamOf(s, out.routes), appOf(s, 0)
	for _, group := range s.Groups() {
		out.others = append(out.others, c.at(s, &out.port, group))
	}
	c.lead(s, &out.port)
	return out
}

// everyInstance is the route of a service that nobody wrote routes for.
func everyInstance(s *mesh.Snapshot) *Route {
	return &Route{
		Name:          "default",
		Service:       s.Service,
		ConfigVersion: s.Version,
		Retry:         retry.Default(),
		destinations:  []Destination{{Service: s.Service, Weight: 1}},
	}
}

func (c *compiler) subsets(s *mesh.Snapshot) {
	seen := make(map[string]bool, len(s.Subsets))
	for i, sub := range s.Subsets {
		if sub.Name == "" || seen[sub.Name] {
			c.fault("service %s: subsets[%d].name: %q is empty or there twice", s.Service, i, sub.Name)
		}
		seen[sub.Name] = true
	}
}

func (c *compiler) route(path string, s *mesh.Snapshot, r *mesh.Route) *Route {
	out := &Route{
		Name:          r.Name,
		Service:       s.Service,
		ConfigVersion: s.Version,
		Timeout:       r.Timeout,
		Retry:         c.retry(path, r.Retry),
		SameInstance:  r.Retry != nil && r.Retry.SameInstance,

		OtherLocalities: r.Retry != nil && r.Retry.OtherLocalities,
	}
	if r.Timeout < 0 {
		c.fault("%s.timeout: %v is negative", path, r.Timeout)
	}
	for i, m := range r.Matches {
		compiled, err := compileMatch(r.Name, m, s)
		if err != nil {
			c.fault("%s.matches[%d].%w", path, i, err)
		}
		if c.caller.sends(m.SourceNamespace, m.SourceLabels) {
			out.matches = append(out.matches, compiled)
		}
	}
	if r.Redirect == nil && r.Respond == nil {
		out.destinations = c.destinations(path, r.Destinations)
	}
	out.Rules = c.rules(path, s, r)
	return out
}

func (c *compiler) retry(path string, r *mesh.Retry) retry.Policy {
	if r == nil {
		return retry.Default()
	}
	p, err := retry.Parse(r.Attempts, r.PerTryTimeout, r.On)
	if err != nil {
		c.fault("%s.retry.%w", path, err)
	}
	if r.Backoff < 0 {
		c.fault("%s.retry.backoff: %v is negative", path, r.Backoff)
	}
	p.Backoff = r.Backoff
	return p
}

func (c *compiler) destinations(path string, all []mesh.Destination) []Destination {
	var out []Destination
	for i, d := range all {
		c.destination(fmt.Sprintf("%s.destinations[%d]", path, i), d)
		fail := d.Fail
		if fail == 0 && c.absent(d) {
			fail = d.Absent
		}
		if fail != 0 {
			c.status(fmt.Sprintf("%s.destinations[%d].fail", path, i), fail)
		}
		if d.Weight > 0 {
			out = append(out, Destination{Service: d.Service, Subset: d.Subset, Port: d.Port, Weight: d.Weight, Fail: fail})
		}
	}
	if len(out) == 0 {
		c.fault("%s.destinations: the sum of the weights is 0", path)
	}
	return out
}

// absent reports whether there is no such service, or it has no such port.
func (c *compiler) absent(d mesh.Destination) bool {
	s := c.set[d.Service]
	if s == nil {
		return false // a fault of its own
	}
	_, has := s.Group(d.Port)
	return !s.Known || !has
}

// destination checks one of weight 0 too: it is a mistake waiting for its weight.
func (c *compiler) destination(path string, d mesh.Destination) {
	s, ok := c.set[d.Service]
	if !ok {
		c.fault("%s.service: %q is not in the set", path, d.Service)
		return
	}
	if d.Subset == "" || !s.Known {
		return
	}
	for _, sub := range s.Subsets {
		if sub.Name == d.Subset {
			return
		}
	}
	c.fault("%s.subset: service %s has no subset %q", path, d.Service, d.Subset)
}
