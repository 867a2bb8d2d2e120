package config

import (
	"encoding/json"
	"fmt"
	"regexp"

	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// gatewayReader turns a route of Gateway API into the mesh's terms, and notes what is
// wrong with it.
type gatewayReader struct {
	validator
	route *GatewayRoute
}

func decodeInto(spec map[string]any, into any) error {
	b, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// gatewaySource is a rule of either kind: a GRPCRoute has a part of what an HTTPRoute has.
type gatewaySource struct {
	name     *gateway.SectionName
	matches  []GatewayMatch
	filters  []gateway.HTTPRouteFilter
	backends []gateway.HTTPBackendRef
	timeouts *gateway.HTTPRouteTimeouts
	retry    *gateway.HTTPRouteRetry
}

func readHTTPRoute(o *Object, s gateway.HTTPRouteSpec) error {
	r := gatewayReader{validator: validator{object: *o}, route: &GatewayRoute{}}
	r.parents(s.ParentRefs)
	for i, rule := range s.Rules {
		at := fmt.Sprintf("spec.rules[%d]", i)
		r.rule(at, i, gatewaySource{
			name: rule.Name, matches: r.httpMatches(rule.Matches, at), filters: rule.Filters, backends: rule.BackendRefs,
			timeouts: rule.Timeouts, retry: rule.Retry,
		})
		r.prefixReplaced(rule, at)
	}
	return r.done(o, len(s.Rules))
}

func readGRPCRoute(o *Object, s gateway.GRPCRouteSpec) error {
	r := gatewayReader{validator: validator{object: *o}, route: &GatewayRoute{GRPC: true}}
	r.parents(s.ParentRefs)
	for i, rule := range s.Rules {
		at := fmt.Sprintf("spec.rules[%d]", i)
		source := gatewaySource{name: rule.Name, matches: r.grpcMatches(rule.Matches, at), filters: httpFilters(rule.Filters)}
		for _, b := range rule.BackendRefs {
			source.backends = append(source.backends, gateway.HTTPBackendRef{BackendRef: b.BackendRef, Filters: httpFilters(b.Filters)})
		}
		r.rule(at, i, source)
	}
	return r.done(o, len(s.Rules))
}

func httpFilters(filters []gateway.GRPCRouteFilter) []gateway.HTTPRouteFilter {
	var out []gateway.HTTPRouteFilter
	for _, f := range filters {
		out = append(out, gateway.HTTPRouteFilter{
			Type: gateway.HTTPRouteFilterType(f.Type), RequestHeaderModifier: f.RequestHeaderModifier,
			ResponseHeaderModifier: f.ResponseHeaderModifier, RequestMirror: f.RequestMirror,
		})
	}
	return out
}

func (r *gatewayReader) done(o *Object, rules int) error {
	if rules == 0 {
		r.fault("spec.rules", "is empty; want at least one rule")
	}
	if len(r.findings) > 0 {
		return &Error{Findings: r.findings}
	}
	o.GatewayRoute = r.route
	return nil
}

const gatewayGroup = "gateway.networking.k8s.io"

func (r *gatewayReader) parents(refs []gateway.ParentReference) {
	if len(refs) == 0 {
		r.fault("spec.parentRefs", "is empty; want the Service whose callers the route is for")
	}
	seen := map[GatewayParent]int{}
	for i, ref := range refs {
		at := fmt.Sprintf("spec.parentRefs[%d]", i)
		group, kind := or(ref.Group, gatewayGroup), or(ref.Kind, "Gateway")
		if group == gatewayGroup && kind == "Gateway" {
			r.fault(at+".kind", `"Gateway" is not supported: the mesh routes between services and has no gateways; want group: "" and kind: Service`)
			continue
		}
		if group != "" || kind != "Service" {
			r.fault(at+".kind", "%q of group %q is not supported; want group: \"\" and kind: Service", kind, group)
			continue
		}
		namespace := string(or(ref.Namespace, gateway.Namespace(r.object.Namespace)))
		p := GatewayParent{Service: r.serviceOf(string(ref.Name), namespace, at), Port: r.portOf(ref.Port, at+".port")}
		if namespace != r.object.Namespace {
			p.Consumer = r.object.Namespace
		}
		if first, twice := seen[p]; twice {
			r.fault(at, "says the same as spec.parentRefs[%d]; keep one", first)
		}
		seen[p] = i
		r.route.Parents = append(r.route.Parents, p)
	}
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func (r *gatewayReader) serviceOf(name, namespace, at string) mesh.ServiceName {
	if !mesh.IsLabel(name) {
		r.fault(at+".name", "%q is not the name of a Service; want lower-case letters, digits and hyphens", name)
	}
	if !mesh.IsLabel(namespace) {
		r.fault(at+".namespace", "%q is not a namespace; want lower-case letters, digits and hyphens", namespace)
	}
	return mesh.NewServiceName(name, namespace)
}

func (r *gatewayReader) portOf(p *gateway.PortNumber, at string) uint32 {
	if p == nil {
		return 0
	}
	if *p < 1 || *p > 65535 {
		r.fault(at, "%d is not a port; want 1 to 65535", *p)
	}
	return uint32(max(*p, 0))
}

var ruleName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

func (r *gatewayReader) rule(at string, i int, s gatewaySource) {
	out := GatewayRule{Matches: s.matches}
	out.Route.Name = fmt.Sprintf("%s[%d]", r.object.Name, i)
	if s.name != nil {
		out.Route.Name = string(*s.name)
		if !ruleName.MatchString(out.Route.Name) {
			r.fault(at+".name", "%q is not a name; want lower-case letters, digits, dots and hyphens", *s.name)
		}
		for _, other := range r.route.Rules {
			if other.Route.Name == out.Route.Name {
				r.fault(at+".name", "%q is the name of another rule; choose one that is not", *s.name)
			}
		}
	}
	r.filters(s.filters, at+".filters", &out)
	for n, b := range s.backends {
		out.Backends = append(out.Backends, r.backend(b, fmt.Sprintf("%s.backendRefs[%d]", at, n)))
	}
	if out.Route.Redirect != nil && len(s.backends) > 0 {
		r.fault(at+".backendRefs", "cannot stand beside a RequestRedirect, which forwards nothing; keep one")
	}
	r.times(s, at, &out.Route)
	r.route.Rules = append(r.route.Rules, out)
}

func (r *gatewayReader) backend(b gateway.HTTPBackendRef, at string) GatewayBackend {
	out := r.reference(b.BackendObjectReference, at)
	weight := or(b.Weight, 1)
	if weight < 0 || weight > 1_000_000 {
		r.fault(at+".weight", "%d is not a weight; want 0 to 1000000", weight)
	}
	out.Weight = uint32(max(weight, 0))
	var own GatewayRule
	r.filters(b.Filters, at+".filters", &own)
	out.Headers, out.Rewrite = own.Route.Headers, own.Route.Rewrite
	return out
}

// reference is a backend by its name. One of another kind is no mistake of form: the
// specification has its share answered with 500.
func (r *gatewayReader) reference(ref gateway.BackendObjectReference, at string) GatewayBackend {
	out := GatewayBackend{Path: at, Port: r.portOf(ref.Port, at+".port")}
	if group, kind := or(ref.Group, ""), or(ref.Kind, "Service"); group != "" || kind != "Service" {
		out.Wrong = fmt.Sprintf("%s of group %q", kind, group)
		return out
	}
	out.Service = r.serviceOf(string(ref.Name), string(or(ref.Namespace, gateway.Namespace(r.object.Namespace))), at)
	if ref.Port == nil {
		r.fault(at+".port", "is missing; want the port of the Service")
	}
	return out
}
