package config

import (
	"fmt"
	"strings"

	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// routeController is who sets the status of routes.
const routeController = "sightline.dev/mesh"

// conflicted is the reason of a route that another kind of route goes before
// (GEP-1294); the types have no constant for it.
const conflicted = "Conflicted"

// Unresolved is a backend that there is not. Its share is answered with 500.
type Unresolved struct {
	Path, Reason, Message string
}

// Unresolved are the backends of a route that there are not, in order.
func (g *GatewayRoute) Unresolved(known map[mesh.ServiceName]bool, w World) []Unresolved {
	var out []Unresolved
	for _, rule := range g.Rules {
		for _, of := range [][]GatewayBackend{rule.Backends, rule.Mirrors} {
			for _, b := range of {
				if reason, message := b.missing(known, w); reason != "" {
					out = append(out, Unresolved{b.Path, reason, message})
				}
			}
		}
	}
	return out
}

// missing is why nothing can be sent to a backend, in the specification's word and in
// a sentence; empty if it can.
func (b GatewayBackend) missing(known map[mesh.ServiceName]bool, w World) (reason, message string) {
	switch {
	case b.Wrong != "":
		return string(gateway.RouteReasonInvalidKind), b.Wrong + " is no kind that the mesh sends to; want a Service"
	case !known[b.Service]:
		return string(gateway.RouteReasonBackendNotFound), fmt.Sprintf("there is no service %q", b.Service)
	case w.several[b.Service] && !hasNumber(w.Ports[b.Service], b.Port):
		return string(gateway.RouteReasonBackendNotFound), fmt.Sprintf("%d is no port of %s; it has %s", b.Port, b.Service, enumeratePorts(w.Ports[b.Service]))
	}
	return "", ""
}

// KnownServices are those that sidecars are told to be known: what runs, and what any
// resource is about.
func KnownServices(all []Object, w World) map[mesh.ServiceName]bool {
	known := make(map[mesh.ServiceName]bool, len(w.Services))
	for s := range w.Services {
		known[s] = true
	}
	for _, o := range all {
		if o.SLO != nil {
			continue
		}
		for _, s := range o.Hosts() {
			known[s] = true
		}
	}
	return known
}

// Conflict is the GRPCRoute that keeps an HTTPRoute from a parent: of the two kinds, for
// the same callers of the same port, only the GRPCRoutes hold. An HTTPRoute for every
// port has still those that no GRPCRoute names.
func Conflict(o Object, p GatewayParent, all []Object) (Object, bool) {
	if o.GatewayRoute.GRPC {
		return Object{}, false
	}
	for _, other := range all {
		if other.GatewayRoute == nil || !other.GatewayRoute.GRPC {
			continue
		}
		for _, q := range other.GatewayRoute.Parents {
			if p.Service == q.Service && p.Consumer == q.Consumer && (p.Port == q.Port || q.Port == 0) {
				return other, true
			}
		}
	}
	return Object{}, false
}

// RouteStatus is how a route of Gateway API stands among all resources, nil for any
// other kind. No route is ever PartiallyInvalid: one with a rule that is wrong is refused
// whole, and nothing of it stored.
func RouteStatus(o Object, all []Object, w World) *mesh.RouteStatus {
	if o.GatewayRoute == nil {
		return nil
	}
	refs := mesh.RouteCondition{Type: string(gateway.RouteConditionResolvedRefs), Status: "True", Reason: string(gateway.RouteReasonResolvedRefs)}
	w = w.with(all)
	if bad := o.GatewayRoute.Unresolved(KnownServices(all, w), w); len(bad) > 0 {
		lines := make([]string, len(bad))
		for i, b := range bad {
			lines[i] = b.Path + ": " + b.Message
		}
		refs.Status, refs.Reason, refs.Message = "False", bad[0].Reason, strings.Join(lines, "; ")
	}
	out := &mesh.RouteStatus{}
	for _, p := range o.GatewayRoute.Parents {
		accepted := mesh.RouteCondition{Type: string(gateway.RouteConditionAccepted), Status: "True", Reason: string(gateway.RouteReasonAccepted)}
		if other, found := Conflict(o, p, all); found {
			accepted.Status, accepted.Reason = "False", conflicted
			accepted.Message = other.Key() + " is for the same callers, and a GRPCRoute goes before an HTTPRoute"
		}
		ref := mesh.RouteParent{Kind: "Service", Namespace: p.Service.Namespace(), Name: p.Service.Name(), Port: p.Port}
		out.Parents = append(out.Parents, mesh.RouteParentStatus{
			ParentRef: ref, ControllerName: routeController, Conditions: []mesh.RouteCondition{accepted, refs},
		})
	}
	return out
}
