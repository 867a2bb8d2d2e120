package compile

import (
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// virtualService sets the routes of the hosts of one VirtualService. Where two
// route one host, which Validate refuses, the first by key wins.
func (b *builder) virtualService(o config.Object) {
	routes, streams := Routes(o)
	for _, s := range named(mesh.Snapshot{Routes: routes, Streams: streams}) {
		b.named(s)
	}
	for _, host := range o.Hosts() {
		if s := b.known(host); s.Routes == nil && s.Streams == nil {
			s.Routes, s.Streams = routes, streams
		}
	}
}

// Routes are those of a VirtualService: for requests one for each of spec.http in its
// order; for streams first those of spec.tls, then those of spec.tcp.
func Routes(o config.Object) ([]mesh.Route, []mesh.StreamRoute) {
	routes := make([]mesh.Route, 0, len(o.VirtualService.GetHttp()))
	for i, h := range o.VirtualService.GetHttp() {
		r := route(o, h)
		if r.Name == "" {
			r.Name = o.RouteName(i)
		}
		routes = append(routes, r)
	}
	return routes, streamRoutes(o)
}

func route(o config.Object, h *networking.HTTPRoute) mesh.Route {
	r := mesh.Route{
		Name:     h.GetName(),
		Timeout:  h.GetTimeout().AsDuration(),
		Retry:    retry(h.GetRetries()),
		Headers:  headers(h.GetHeaders()),
		Rewrite:  rewrite(h.GetRewrite()),
		Redirect: redirect(h.GetRedirect()),
		Respond:  directResponse(h.GetDirectResponse()),
		CORS:     cors(h.GetCorsPolicy()),
		Fault:    fault(h.GetFault()),
		Mirrors:  mirrors(o, h),
	}
	for _, m := range h.GetMatch() {
		r.Matches = append(r.Matches, match(m))
	}
	for _, d := range h.GetRoute() {
		if to, ok := destination(o, d.GetDestination(), d.GetWeight(), len(h.GetRoute())); ok {
			to.Headers = headers(d.GetHeaders())
			r.Destinations = append(r.Destinations, to)
		}
	}
	return r
}

// destination is not ok where the host names no service, which Validate has refused.
func destination(o config.Object, d *networking.Destination, weight int32, of int) (mesh.Destination, bool) {
	s, err := mesh.ResolveHost(d.GetHost(), o.Namespace)
	if of == 1 {
		weight = 100 // the only destination takes all, weight or not
	}
	return mesh.Destination{Service: s, Subset: d.GetSubset(), Port: port(d.GetPort()), Weight: uint32(max(weight, 0))}, err == nil
}

func retry(r *networking.HTTPRetry) *mesh.Retry {
	if r == nil {
		return nil
	}
	return &mesh.Retry{
		Attempts:      int(max(r.GetAttempts(), 0)),
		PerTryTimeout: r.GetPerTryTimeout().AsDuration(),
		On:            config.RetryConditions(r.GetRetryOn()),
		Backoff:       r.GetBackoff().AsDuration(),
		SameInstance:  isFalse(r.GetRetryIgnorePreviousHosts()),

		OtherLocalities: r.GetRetryRemoteLocalities().GetValue(),
	}
}

func isFalse(b *wrapperspb.BoolValue) bool { return b != nil && !b.GetValue() }

func streamRoutes(o config.Object) []mesh.StreamRoute {
	var out []mesh.StreamRoute
	for i, t := range o.VirtualService.GetTls() {
		r := mesh.StreamRoute{Name: fmt.Sprintf("%s.tls[%d]", o.Name, i), Destinations: streamShares(o, t.GetRoute())}
		for _, m := range t.GetMatch() {
			r.Matches = append(r.Matches, mesh.StreamMatch{
				TLS: true, SNI: m.GetSniHosts(), Port: m.GetPort(),
				SourceNamespace: m.GetSourceNamespace(), SourceLabels: m.GetSourceLabels(),
			})
		}
		out = append(out, r)
	}
	for i, t := range o.VirtualService.GetTcp() {
		r := mesh.StreamRoute{Name: fmt.Sprintf("%s.tcp[%d]", o.Name, i), Destinations: streamShares(o, t.GetRoute())}
		for _, m := range t.GetMatch() {
			r.Matches = append(r.Matches, mesh.StreamMatch{
				Port: m.GetPort(), SourceNamespace: m.GetSourceNamespace(), SourceLabels: m.GetSourceLabels(),
			})
		}
		out = append(out, r)
	}
	return out
}

func streamShares(o config.Object, route []*networking.RouteDestination) []mesh.Destination {
	var out []mesh.Destination
	for _, d := range route {
		if to, ok := destination(o, d.GetDestination(), d.GetWeight(), len(route)); ok {
			out = append(out, to)
		}
	}
	return out
}
