package config

import (
	"fmt"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) virtualService(s *networking.VirtualService) {
	v.named = nil
	v.hosts(s)
	if len(s.GetHttp())+len(s.GetTcp())+len(s.GetTls()) == 0 {
		v.fault("spec.http", "is empty; want at least one route")
	}
	for i, h := range s.GetHttp() {
		v.httpRoute(h, fmt.Sprintf("spec.http[%d]", i))
	}
	v.streamRoutes(s)
}

// routed notes that the present VirtualService routes a host.
func (v *validator) routed(host, path string) {
	s, ok := v.service(host, path)
	if !ok {
		return
	}
	if other, taken := v.routes[s]; taken {
		v.find(CodeRoutedTwice, path, "%q is already routed by %s; one VirtualService routes a host", host, other.Key())
		return
	}
	if other, taken := v.attached[s]; taken { // whose kinds sort first
		v.find(CodeRoutedTwice, path, "%q is already routed by %s; one VirtualService, or routes of Gateway API, route a host", host, other.Key())
		return
	}
	v.routes[s], v.named = v.object, append(v.named, s)
	if !v.known(s) {
		v.find(CodeHost, path, "%s", v.world.absent(s, ", nor has it a DestinationRule"))
	}
}

// CatchesAll reports whether a route takes every request that reaches it.
func CatchesAll(h *networking.HTTPRoute) bool {
	if h.GetDelegate() != nil {
		return false // who is delegated to need not take all
	}
	if len(h.GetMatch()) == 0 {
		return true
	}
	return slices.ContainsFunc(h.GetMatch(), func(m *networking.HTTPMatchRequest) bool {
		uri := m.GetUri()
		path := uri == nil || uri.GetPrefix() == "/" || uri.GetRegex() == ".*"
		return path && m.GetMethod() == nil && m.GetScheme() == nil && m.GetAuthority() == nil &&
			len(m.GetHeaders())+len(m.GetWithoutHeaders())+len(m.GetQueryParams())+len(m.GetSourceLabels()) == 0 &&
			m.GetPort() == 0 && m.GetSourceNamespace() == ""
	})
}

func (v *validator) httpRoute(h *networking.HTTPRoute, path string) {
	for i, m := range h.GetMatch() {
		v.match(m, fmt.Sprintf("%s.match[%d]", path, i))
	}
	if h.GetDelegate() != nil {
		v.delegating(h, path)
	} else {
		v.kindOfRoute(h, path)
	}
	shares := make([]weighted, 0, len(h.GetRoute()))
	for i, d := range h.GetRoute() {
		shares = append(shares, weighted{d.GetDestination(), d.GetWeight()})
		v.headers(d.GetHeaders(), fmt.Sprintf("%s.route[%d].headers", path, i))
	}
	v.shares(shares, path+".route")
	if h.GetTimeout() != nil && h.GetTimeout().AsDuration() != 0 { // 0 is Istio's way to say none
		v.positive(h.GetTimeout(), path+".timeout")
	}
	v.retries(h, path)
	v.headers(h.GetHeaders(), path+".headers")
	v.rewrite(h.GetRewrite(), path+".rewrite")
	v.redirect(h, path+".redirect")
	v.directResponse(h.GetDirectResponse(), path+".directResponse")
	v.faultInjection(h.GetFault(), path+".fault")
	v.cors(h.GetCorsPolicy(), path+".corsPolicy")
	v.mirrors(h, path)
}

// kindOfRoute holds a route to one of its kinds: one that forwards, or one that
// answers itself.
func (v *validator) kindOfRoute(h *networking.HTTPRoute, path string) {
	kind := ""
	switch redirects, responds := h.GetRedirect() != nil, h.GetDirectResponse() != nil; {
	case redirects && responds:
		v.fault(path+".directResponse", "cannot stand beside redirect; keep one")
		return
	case redirects:
		kind = "redirect"
	case responds:
		kind = "directResponse"
	case len(h.GetRoute()) == 0:
		v.fault(path+".route", "is empty; want at least one destination, or redirect or directResponse")
		return
	default:
		return
	}
	for _, other := range []struct {
		field string
		set   bool
	}{
		{"route", len(h.GetRoute()) > 0},
		{"rewrite", h.GetRewrite() != nil},
		{"fault", h.GetFault() != nil},
		{"mirror", h.GetMirror() != nil},
		{"mirrors", len(h.GetMirrors()) > 0},
		{"retries", h.GetRetries() != nil},
		{"timeout", h.GetTimeout() != nil},
	} {
		if other.set {
			v.fault(path+"."+other.field, "cannot stand beside %s, which forwards nothing; keep one", kind)
		}
	}
}

// weighted is a share of a route of any protocol.
type weighted struct {
	to     *networking.Destination
	weight int32
}

func (v *validator) shares(all []weighted, path string) {
	sum := int64(0)
	for i, d := range all {
		here := fmt.Sprintf("%s[%d]", path, i)
		if d.weight < 0 {
			v.fault(here+".weight", "%d is below 0", d.weight)
		}
		sum += int64(d.weight)
		v.destination(d.to, here+".destination")
	}
	if len(all) > 1 && sum <= 0 {
		v.find(CodeNoWeight, path, "the weights sum to %d, so no request could be sent; give at least one above 0", sum)
	}
}

func (v *validator) destination(d *networking.Destination, path string) {
	s, ok := v.service(d.GetHost(), path+".host")
	if !ok {
		return
	}
	if !v.known(s) {
		v.find(CodeHost, path+".host", "%s", v.world.absent(s, ", nor has it a DestinationRule"))
	}
	if d.GetPort() != nil {
		v.servicePort(s, d.GetPort().GetNumber(), path+".port.number")
	}
	if d.GetSubset() == "" {
		return
	}
	rule, ok := v.rules[s]
	if !ok {
		v.find(CodeSubset, path+".subset", "%q is unknown: %s has no DestinationRule; apply one that defines this subset", d.GetSubset(), s)
		return
	}
	var names []string
	for _, sub := range rule.DestinationRule.GetSubsets() {
		names = append(names, sub.GetName())
		if sub.GetName() == d.GetSubset() {
			v.populated(s, sub, path)
		}
	}
	if !slices.Contains(names, d.GetSubset()) {
		v.find(CodeSubset, path+".subset", "%q is unknown: %s defines %s", d.GetSubset(), rule.Key(), orNone(enumerate(names)))
	}
}

// populated warns of a subset that would get requests and has nobody to serve them.
func (v *validator) populated(s mesh.ServiceName, sub *networking.Subset, path string) {
	if !v.world.Unknown && v.world.selected(s, sub.GetLabels()) == 0 {
		v.find(CodeNoInstance, path+".subset", "%q has no running instance: none of %s carries %s", sub.GetName(), s, show(sub.GetLabels()))
	}
}

func orNone(s string) string {
	if s == "" {
		return "no subset"
	}
	return s
}
