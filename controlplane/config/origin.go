package config

import (
	"fmt"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Origin is where a route of a VirtualService that is in force is written.
type Origin struct {
	Route    string `json:"route"`    // its name, as metrics have it; empty where it is missing
	Resource string `json:"resource"` // that it is written in: "VirtualService default/reviews"
	Line     int    `json:"line"`     // of that resource's manifest, from 1; 0 where it is missing
	// Missing says that a route is delegated to a resource that is not there, or is no
	// delegate: no request gets to it.
	Missing bool `json:"missing,omitempty"`
	// Delegator is the resource that delegates to it, and at which line; empty where
	// nobody does.
	Delegator     string `json:"delegator,omitempty"`
	DelegatorLine int    `json:"delegatorLine,omitempty"`
}

// At is where the route is written, as "kind/namespace/name:line".
func (o Origin) At() string {
	if o.Missing {
		return placed(o.Resource, 0) + " is not there"
	}
	return placed(o.Resource, o.Line)
}

// By is where it is delegated, "" where it is not.
func (o Origin) By() string { return placed(o.Delegator, o.DelegatorLine) }

func placed(key string, line int) string {
	at := strings.Replace(key, " ", "/", 1)
	if line > 0 {
		at = fmt.Sprintf("%s:%d", at, line)
	}
	return at
}

// RouteName is that of a VirtualService's route in force that has none written, by its
// place.
func (o Object) RouteName(place int) string { return fmt.Sprintf("%s[%d]", o.Name, place) }

// Origins are where the routes for requests to a service are written, in their order.
// Lines are those of each object's own manifest.
func Origins(all []Object, s mesh.ServiceName) []Origin {
	vs := owner(all, KindVirtualService, s)
	if vs == nil {
		return nil
	}
	found := delegatesOf(all)
	var out []Origin
	next := 0 // of the routes that delegate
	missing := func(before int) {
		for ; next < before; next++ {
			h := vs.VirtualService.GetHttp()[next]
			if h.GetDelegate() == nil {
				continue
			}
			if to, name, ok := found.of(*vs, h); !ok || !to.IsDelegate() {
				out = append(out, Origin{
					Resource: KindVirtualService + " " + name, Missing: true,
					Delegator: vs.Key(), DelegatorLine: vs.lineOf(next),
				})
			}
		}
	}
	for place, r := range found.written(*vs) {
		missing(r.by)
		one := Origin{Route: r.GetName(), Resource: r.in.Key(), Line: r.in.lineOf(r.at)}
		if one.Route == "" {
			one.Route = vs.RouteName(place)
		}
		if r.in.Key() != vs.Key() {
			one.Delegator, one.DelegatorLine = vs.Key(), vs.lineOf(r.by)
		}
		out = append(out, one)
	}
	missing(len(vs.VirtualService.GetHttp()))
	return out
}

// lineOf is the line of a route in the object's own manifest.
func (o Object) lineOf(route int) int {
	return lineOf(o.tree(), fmt.Sprintf("spec.http[%d]", route))
}
