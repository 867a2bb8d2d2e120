package config

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
)

// delegate holds a VirtualService without hosts to what the one that delegates to it
// leaves it to say.
func (v *validator) delegate(s *networking.VirtualService) {
	for _, field := range []struct {
		path string
		set  bool
	}{
		{"spec.gateways", len(s.GetGateways()) > 0},
		{"spec.tcp", len(s.GetTcp()) > 0},
		{"spec.tls", len(s.GetTls()) > 0},
	} {
		if field.set {
			v.fault(field.path, "is not for a VirtualService without hosts, which another one delegates requests to; remove it, or give hosts")
		}
	}
	if !v.delegatedTo() {
		v.warn("spec.hosts", "is empty, which makes this a delegate, and no VirtualService delegates to it; give the name of a service, or name this in http[].delegate of another")
	}
}

func (v *validator) delegatedTo() bool {
	for _, o := range v.all {
		for _, h := range o.VirtualService.GetHttp() {
			if to, _, ok := v.delegates.of(o, h); h.GetDelegate() != nil && ok && to.Key() == v.object.Key() {
				return true
			}
		}
	}
	return false
}

// delegating looks at a route that leaves its requests to another VirtualService.
func (v *validator) delegating(h *networking.HTTPRoute, path string) {
	for _, other := range []struct {
		field string
		set   bool
	}{
		{"route", len(h.GetRoute()) > 0}, {"redirect", h.GetRedirect() != nil}, {"directResponse", h.GetDirectResponse() != nil},
	} {
		if other.set {
			v.fault(path+"."+other.field, "cannot stand beside delegate, whose routes say where requests go; keep one")
		}
	}
	at := path + ".delegate"
	to, name, found := v.delegates.of(v.object, h)
	switch {
	case v.object.IsDelegate():
		v.fault(at, "a VirtualService that others delegate to cannot delegate in turn; there is one level")
	case h.GetDelegate().GetName() == "":
		v.fault(at+".name", "is missing; want the name of a VirtualService without hosts")
	case !found:
		v.find(CodeDelegate, at, "there is no VirtualService %s, so the route is left out: its requests go on to the next one that they fit", name)
	case !to.IsDelegate():
		v.fault(at, "VirtualService %s has hosts, so it holds for those and is no delegate; remove them there, or name another", name)
	default:
		v.leftOut(h, to, at)
	}
}

// leftOut finds the routes of a delegate that hold for none of the requests they are
// given.
func (v *validator) leftOut(h *networking.HTTPRoute, to Object, at string) {
	for i, sub := range to.VirtualService.GetHttp() {
		if _, ok := mergedMatches(h.GetMatch(), sub.GetMatch()); !ok {
			v.find(CodeFitsNothing, at, "spec.http[%d] of VirtualService %s/%s is left out: a match of it is not a part of this route's (regular expressions never are); match less here, or more there",
				i, to.Namespace, to.Name)
		}
	}
}

// hosts looks at those of a VirtualService.
func (v *validator) hosts(s *networking.VirtualService) {
	if v.object.IsDelegate() {
		v.delegate(s)
	}
	for i, host := range s.GetHosts() {
		v.routed(host, fmt.Sprintf("spec.hosts[%d]", i))
	}
}
