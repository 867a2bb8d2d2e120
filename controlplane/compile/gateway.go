package compile

import (
	"cmp"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// binding is one match of one rule of a route, as it holds for one parent.
type binding struct {
	object config.Object
	parent config.GatewayParent
	rule   int
	match  int
}

func (b binding) of() *config.GatewayRule { return &b.object.GatewayRoute.Rules[b.rule] }

// precedes orders the matches for one Service as the specification does: by what they
// compare, then the older route, the name, and the place in the route.
func (b binding) precedes(c binding) int {
	x, y := b.of().Matches[b.match].Rank, c.of().Matches[c.match].Rank
	return cmp.Or(
		slices.Compare(y[:], x[:]),
		cmp.Compare(age(b.object), age(c.object)),
		cmp.Compare(b.object.Namespace+"/"+b.object.Name, c.object.Namespace+"/"+c.object.Name),
		cmp.Compare(b.rule, c.rule),
		cmp.Compare(b.match, c.match),
	)
}

func age(o config.Object) int64 {
	if o.Created == 0 {
		return math.MaxInt64
	}
	return o.Created
}

// gatewayRoutes sets the routes of the Services that routes of Gateway API have as
// parents. The callers of a namespace that has routes of its own for a Service get those
// alone; all others get the Service's own.
func (b *builder) gatewayRoutes(objs []config.Object) {
	bound := map[mesh.ServiceName]map[string][]binding{} // by service, then consumer
	for _, o := range objs {
		if o.GatewayRoute == nil {
			continue
		}
		for _, p := range o.GatewayRoute.Parents {
			if _, conflict := config.Conflict(o, p, objs); conflict {
				continue
			}
			if bound[p.Service] == nil {
				bound[p.Service] = map[string][]binding{}
			}
			for r := range o.GatewayRoute.Rules {
				for m := range o.GatewayRoute.Rules[r].Matches {
					bound[p.Service][p.Consumer] = append(bound[p.Service][p.Consumer], binding{o, p, r, m})
				}
			}
		}
	}
	for service, by := range bound {
		snap := b.known(service)
		if snap.Routes != nil || snap.Streams != nil { // a VirtualService's, which Validate refuses
			continue
		}
		snap.Routes = routesFor(service, by)
		for _, s := range named(*snap) {
			b.named(s)
		}
	}
}

func routesFor(service mesh.ServiceName, by map[string][]binding) []mesh.Route {
	var out []mesh.Route
	for _, consumer := range slices.Sorted(maps.Keys(by)) {
		if consumer == "" {
			continue
		}
		own, everyPort := ofCallers(by[consumer])
		own[len(own)-1].Last = everyPort
		out = append(out, own...)
	}
	producer, everyPort := ofCallers(by[""])
	out = append(out, producer...)
	if everyPort {
		return out
	}
	return append(out, mesh.Route{Name: "default", Destinations: []mesh.Destination{{Service: service, Weight: 1}}})
}

// ofCallers are the routes of bindings for the same callers, and whether those are for
// every port: else the other ports stay as they were. Who names a port goes first.
func ofCallers(all []binding) (routes []mesh.Route, everyPort bool) {
	var onPort, rest []binding
	for _, b := range all {
		if b.parent.Port != 0 {
			onPort = append(onPort, b)
		} else {
			rest = append(rest, b)
		}
	}
	routes = inOrder(onPort)
	routes = append(routes, ends(onPort, rest)...)
	return append(routes, inOrder(rest)...), len(rest) > 0
}

// ends refuse, on each port that bindings name, what fits none of them: it may go on to the
// rest if that is of the same kind, and to nothing else.
func ends(onPort, rest []binding) []mesh.Route {
	open := map[uint32]bool{} // by port: whether a request may fit none of its bindings
	for _, b := range onPort {
		goesOn := slices.ContainsFunc(rest, func(r binding) bool { return r.object.GatewayRoute.GRPC == b.object.GatewayRoute.GRPC })
		if _, seen := open[b.parent.Port]; !seen {
			open[b.parent.Port] = !goesOn
		}
		if reflect.DeepEqual(b.of().Matches[b.match].Match, mesh.Match{}) { // nothing is left
			open[b.parent.Port] = false
		}
	}
	var out []mesh.Route
	for _, port := range slices.Sorted(maps.Keys(open)) {
		if open[port] {
			out = append(out, mesh.Route{
				Name:    "none",
				Matches: []mesh.Match{{Port: port, SourceNamespace: onPort[0].parent.Consumer}},
				Respond: &mesh.DirectResponse{Status: http.StatusNotFound},
			})
		}
	}
	return out
}

// inOrder are the routes of bindings. Neighbours of one rule make one route.
func inOrder(all []binding) []mesh.Route {
	slices.SortFunc(all, binding.precedes)
	var out []mesh.Route
	var last binding
	for i, b := range all {
		m := b.of().Matches[b.match].Match
		m.Port, m.SourceNamespace = b.parent.Port, b.parent.Consumer
		if i > 0 && b.object.Key() == last.object.Key() && b.rule == last.rule && b.parent == last.parent {
			out[len(out)-1].Matches = append(out[len(out)-1].Matches, m)
			continue
		}
		last = b
		out = append(out, gatewayRoute(b, m))
	}
	return out
}

func gatewayRoute(b binding, m mesh.Match) mesh.Route {
	rule := b.of()
	r := rule.Route
	r.Matches = []mesh.Match{m}
	for _, to := range rule.Mirrors {
		if to.Wrong == "" {
			r.Mirrors = append(r.Mirrors, mesh.Mirror{Service: to.Service, Port: uint16(to.Port), Percent: to.Percent})
		}
	}
	if r.Redirect != nil {
		return r
	}
	var total uint32
	for _, to := range rule.Backends {
		d := mesh.Destination{
			Service: to.Service, Port: uint16(to.Port), Weight: to.Weight, Headers: to.Headers, Rewrite: to.Rewrite,
			Absent: http.StatusInternalServerError,
		}
		if to.Wrong != "" { // some service has to stand there
			d.Service, d.Port, d.Fail, d.Absent = b.parent.Service, 0, http.StatusInternalServerError, 0
		}
		total += to.Weight
		r.Destinations = append(r.Destinations, d)
	}
	if total == 0 {
		r.Destinations = []mesh.Destination{{Service: b.parent.Service, Weight: 1, Fail: http.StatusInternalServerError}}
	}
	return r
}
