package config

import (
	"fmt"
	"maps"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// IsDelegate reports whether the resource is a VirtualService without hosts: its routes
// hold only where another one delegates to it.
func (o Object) IsDelegate() bool {
	return o.VirtualService != nil && len(o.VirtualService.GetHosts()) == 0
}

// Delegated are the resources with each route that delegates replaced by the delegate's,
// put together as Istio does, and without the delegates themselves. A delegate that there
// is not leaves the route out. The objects handed in are not changed.
func Delegated(all []Object) []Object {
	found := delegatesOf(all)
	out := make([]Object, 0, len(all))
	for _, o := range all {
		switch {
		case o.IsDelegate():
		case delegates(o.VirtualService):
			whole := proto.CloneOf(o.VirtualService)
			whole.Http = found.routes(o)
			o.VirtualService = whole
			out = append(out, o)
		default:
			out = append(out, o)
		}
	}
	return out
}

func delegates(s *networking.VirtualService) bool {
	for _, h := range s.GetHttp() {
		if h.GetDelegate() != nil {
			return true
		}
	}
	return false
}

// Delegates are what the resource's routes delegate to, as "namespace/name", whether or
// not it is there.
func (o Object) Delegates() (out []string) {
	for _, h := range o.VirtualService.GetHttp() {
		if h.GetDelegate() != nil {
			_, name, _ := (delegateSet{}).of(o, h)
			out = append(out, name)
		}
	}
	return out
}

// delegateSet is VirtualServices by "namespace/name".
type delegateSet map[string]Object

func delegatesOf(all []Object) delegateSet {
	out := delegateSet{}
	for _, o := range all {
		if o.VirtualService != nil {
			out[o.Namespace+"/"+o.Name] = o
		}
	}
	return out
}

// of is what a route of the object delegates to, by its full name.
func (d delegateSet) of(o Object, h *networking.HTTPRoute) (to Object, name string, ok bool) {
	namespace := h.GetDelegate().GetNamespace()
	if namespace == "" {
		namespace = o.Namespace
	}
	name = namespace + "/" + h.GetDelegate().GetName()
	to, ok = d[name]
	return to, name, ok
}

// notThere is the status of a service that is routed, though by no route that there is.
const notThere = 404

func (d delegateSet) routes(o Object) []*networking.HTTPRoute {
	var out []*networking.HTTPRoute
	for _, r := range d.written(o) {
		out = append(out, r.HTTPRoute)
	}
	if len(out) == 0 { // none would mean that nothing is routed, and all goes to the service
		out = append(out, &networking.HTTPRoute{
			Name: o.Name + "-without-delegate", DirectResponse: &networking.HTTPDirectResponse{Status: notThere},
		})
	}
	return out
}

// writtenRoute is a route that is in force, and where it is written.
type writtenRoute struct {
	*networking.HTTPRoute

	in Object // the delegate, or the resource itself
	at int    // among its routes
	by int    // the route that delegates to it, among the resource's own
}

// written are the routes of a resource with those of its delegates in their places.
func (d delegateSet) written(o Object) (out []writtenRoute) {
	for n, h := range o.VirtualService.GetHttp() {
		if h.GetDelegate() == nil {
			out = append(out, writtenRoute{h, o, n, n})
			continue
		}
		to, _, ok := d.of(o, h)
		if !ok || !to.IsDelegate() {
			continue
		}
		root := qualified(h, o.Namespace)
		for i, sub := range to.VirtualService.GetHttp() {
			merged, fits := mergedRoute(root, qualified(sub, to.Namespace))
			if merged.GetName() == "" {
				merged.Name = fmt.Sprintf("%s[%d]", to.Name, i)
			}
			if fits && sub.GetDelegate() == nil {
				out = append(out, writtenRoute{merged, to, i, n})
			}
		}
	}
	return out
}

// qualified is a copy of a route whose hosts mean the same in every namespace.
func qualified(h *networking.HTTPRoute, namespace string) *networking.HTTPRoute {
	h = proto.CloneOf(h)
	whole := func(d *networking.Destination) {
		if s, err := mesh.ResolveHost(d.GetHost(), namespace); d != nil && err == nil {
			d.Host = s.Name() + "." + s.Namespace()
		}
	}
	for _, d := range h.GetRoute() {
		whole(d.GetDestination())
	}
	whole(h.GetMirror())
	for _, m := range h.GetMirrors() {
		whole(m.GetDestination())
	}
	return h
}

// mergedRoute is a route of a delegate with what it does not say itself from the route
// that delegates to it. It is not ok where their matches have no request in common.
func mergedRoute(root, sub *networking.HTTPRoute) (merged *networking.HTTPRoute, ok bool) {
	sub.Match, ok = mergedMatches(root.GetMatch(), sub.GetMatch())
	sub.Name = joinedName(root.GetName(), sub.GetName())
	sub.Headers = orElse(sub.Headers, root.Headers)
	sub.CorsPolicy = orElse(sub.CorsPolicy, root.CorsPolicy)
	if sub.GetRedirect() != nil || sub.GetDirectResponse() != nil {
		return sub, ok // the rest is about what is forwarded
	}
	sub.Rewrite = orElse(sub.Rewrite, root.Rewrite)
	sub.Timeout = orElse(sub.Timeout, root.Timeout)
	sub.Retries = orElse(sub.Retries, root.Retries)
	sub.Fault = orElse(sub.Fault, root.Fault)
	if sub.GetMirror() == nil && len(sub.GetMirrors()) == 0 {
		sub.Mirror, sub.Mirrors = root.Mirror, root.Mirrors
	}
	if sub.MirrorPercent == nil && sub.MirrorPercentage == nil { //nolint:staticcheck // manifests still use it
		sub.MirrorPercent, sub.MirrorPercentage = root.MirrorPercent, root.MirrorPercentage //nolint:staticcheck // as above
	}
	return sub, ok
}

func joinedName(root, sub string) string {
	if root == "" || sub == "" {
		return root + sub
	}
	return root + "-" + sub
}

func orElse[T any](own, otherwise *T) *T {
	if own == nil {
		return otherwise
	}
	return own
}

// mergedMatches are the pairs of matches that both fit. Each of the delegate's needs one
// of the other's to be a part of, else its whole route is left out.
func mergedMatches(root, sub []*networking.HTTPMatchRequest) (all []*networking.HTTPMatchRequest, ok bool) {
	if len(root) == 0 || len(sub) == 0 {
		return append(root, sub...), true
	}
	for _, s := range sub {
		before := len(all)
		for _, r := range root {
			if !conflicts(r, s) {
				all = append(all, mergedMatch(r, s))
			}
		}
		if len(all) == before {
			return nil, false
		}
	}
	return all, true
}

func mergedMatch(root, sub *networking.HTTPMatchRequest) *networking.HTTPMatchRequest {
	out := proto.CloneOf(sub)
	out.Name = joinedName(root.GetName(), sub.GetName())
	out.Uri, out.Scheme = orElse(out.Uri, root.Uri), orElse(out.Scheme, root.Scheme)
	out.Method, out.Authority = orElse(out.Method, root.Method), orElse(out.Authority, root.Authority)
	out.Headers = both(root.Headers, sub.Headers)
	out.QueryParams = both(root.QueryParams, sub.QueryParams)
	out.WithoutHeaders = both(sub.WithoutHeaders, root.WithoutHeaders) // the root's leave out more
	out.SourceLabels = both(root.SourceLabels, sub.SourceLabels)
	if out.Port == 0 {
		out.Port = root.Port
	}
	if out.SourceNamespace == "" {
		out.SourceNamespace = root.SourceNamespace
	}
	return out
}

// both are two dictionaries, of which the second has the last word.
func both[V any](first, last map[string]V) map[string]V {
	if len(first) == 0 {
		return last
	}
	out := maps.Clone(first)
	maps.Copy(out, last)
	return out
}

// conflicts reports whether the delegate's match is not a part of the root's, as far as
// that can be told of texts, exactly as Istio tells it.
func conflicts(root, sub *networking.HTTPMatchRequest) bool {
	for name, value := range sub.GetSourceLabels() {
		if other, set := root.GetSourceLabels()[name]; set && other != value {
			return true
		}
	}
	return root.GetIgnoreUriCase() != sub.GetIgnoreUriCase() || differ(root.GetPort(), sub.GetPort()) ||
		differ(root.GetSourceNamespace(), sub.GetSourceNamespace()) || textsApart(root, sub)
}

func textsApart(root, sub *networking.HTTPMatchRequest) bool {
	return apart(root.GetUri(), sub.GetUri()) || apart(root.GetScheme(), sub.GetScheme()) ||
		apart(root.GetMethod(), sub.GetMethod()) || apart(root.GetAuthority(), sub.GetAuthority()) ||
		anyApart(root.GetHeaders(), sub.GetHeaders()) || anyApart(root.GetWithoutHeaders(), sub.GetWithoutHeaders()) ||
		anyApart(root.GetQueryParams(), sub.GetQueryParams())
}

// differ reports whether both are given, and not the same.
func differ[T comparable](root, sub T) bool {
	var none T
	return root != none && sub != none && root != sub
}

func anyApart(root, sub map[string]*networking.StringMatch) bool {
	for name, is := range sub {
		if apart(root[name], is) {
			return true
		}
	}
	return false
}

// apart reports whether what sub fits is not all fitted by root. Of a regular expression
// that is not known.
func apart(root, sub *networking.StringMatch) bool {
	if root == nil || sub == nil {
		return false
	}
	switch within := root.GetPrefix(); {
	case root.GetRegex() != "" || sub.GetRegex() != "":
		return true
	case root.GetExact() != "":
		return sub.GetExact() != root.GetExact()
	case within != "" && sub.GetPrefix() != "":
		return !strings.HasPrefix(sub.GetPrefix(), within)
	case within != "" && sub.GetExact() != "":
		return !strings.HasPrefix(sub.GetExact(), within)
	}
	return true
}
