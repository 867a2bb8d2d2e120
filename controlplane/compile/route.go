package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// virtualService sets the routes of the hosts of one VirtualService. Where two
// route one host, which Validate refuses, the first by key wins.
func (b *builder) virtualService(o config.Object) {
	var routes []mesh.Route
	for i, h := range o.VirtualService.GetHttp() {
		r := route(o, h)
		if r.Name == "" {
			r.Name = fmt.Sprintf("%s[%d]", o.Name, i)
		}
		for _, d := range r.Destinations {
			b.named(d.Service)
		}
		routes = append(routes, r)
	}
	for _, host := range o.Hosts() {
		if s := b.known(host); s.Routes == nil {
			s.Routes = routes
		}
	}
}

func route(o config.Object, h *networking.HTTPRoute) mesh.Route {
	r := mesh.Route{Name: h.GetName(), Timeout: h.GetTimeout().AsDuration(), Retry: retry(h.GetRetries())}
	for _, m := range h.GetMatch() {
		r.Matches = append(r.Matches, match(m))
	}
	for _, d := range h.GetRoute() {
		s, err := mesh.ResolveHost(d.GetDestination().GetHost(), o.Namespace)
		if err != nil {
			continue // Validate has refused it
		}
		weight := uint32(max(d.GetWeight(), 0))
		if len(h.GetRoute()) == 1 {
			weight = 100 // the only destination takes all, weight or not
		}
		r.Destinations = append(r.Destinations, mesh.Destination{Service: s, Subset: d.GetDestination().GetSubset(), Weight: weight})
	}
	return r
}

func retry(r *networking.HTTPRetry) *mesh.Retry {
	if r == nil {
		return nil
	}
	return &mesh.Retry{
		Attempts:      int(max(r.GetAttempts(), 0)),
		PerTryTimeout: r.GetPerTryTimeout().AsDuration(),
		On:            config.RetryConditions(r.GetRetryOn()),
	}
}

func match(m *networking.HTTPMatchRequest) mesh.Match {
	out := mesh.Match{Path: stringMatch(m.GetUri()), Method: stringMatch(m.GetMethod())}
	if len(m.GetHeaders()) > 0 {
		out.Headers = make(map[string]*mesh.StringMatch, len(m.GetHeaders()))
		for _, name := range slices.Sorted(maps.Keys(m.GetHeaders())) {
			out.Headers[strings.ToLower(name)] = stringMatch(m.GetHeaders()[name])
		}
	}
	return out
}

// stringMatch is nil where the manifest compares nothing: any value will do.
func stringMatch(m *networking.StringMatch) *mesh.StringMatch {
	switch is := m.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		return &mesh.StringMatch{Exact: is.Exact}
	case *networking.StringMatch_Prefix:
		return &mesh.StringMatch{Prefix: is.Prefix}
	case *networking.StringMatch_Regex:
		return &mesh.StringMatch{Regex: is.Regex}
	}
	return nil
}
