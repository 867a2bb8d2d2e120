package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// The ranks of kinds of paths. The specification leaves that of regular expressions
// open; they say more than a prefix does.
const (
	prefixRank = iota
	regexRank
	exactRank
)

// httpMatches are the matches of a rule; none is one that fits every request. They rank
// by kind of path, length of path, method, number of headers, number of parameters.
func (r *gatewayReader) httpMatches(all []gateway.HTTPRouteMatch, rule string) []GatewayMatch {
	if len(all) == 0 {
		all = []gateway.HTTPRouteMatch{{}}
	}
	var out []GatewayMatch
	for i, m := range all {
		at := fmt.Sprintf("%s.matches[%d]", rule, i)
		var g GatewayMatch
		g.Path, g.Rank[0], g.Rank[1] = r.pathMatch(m.Path, at+".path")
		if m.Method != nil {
			g.Method, g.Rank[2] = &mesh.StringMatch{Exact: string(*m.Method)}, 1
			if !slices.Contains(methods, string(*m.Method)) {
				r.fault(at+".method", "%q is not a method; want %s", *m.Method, strings.Join(methods, ", "))
			}
		}
		for n, h := range m.Headers {
			here := fmt.Sprintf("%s.headers[%d]", at, n)
			r.named(&g.Headers, strings.ToLower(string(h.Name)), r.value((*string)(h.Type), h.Value, here), here)
		}
		for n, q := range m.QueryParams {
			here := fmt.Sprintf("%s.queryParams[%d]", at, n)
			r.named(&g.Query, string(q.Name), r.value((*string)(q.Type), q.Value, here), here)
		}
		g.Rank[3], g.Rank[4] = len(g.Headers), len(g.Query)
		out = append(out, g)
	}
	return out
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

var gatewayPath = regexp.MustCompile(`^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$`)

func (r *gatewayReader) pathMatch(p *gateway.HTTPPathMatch, at string) (m *mesh.StringMatch, kind, length int) {
	if p == nil {
		return nil, prefixRank, 1
	}
	value := or(p.Value, "/")
	switch or(p.Type, gateway.PathMatchPathPrefix) {
	case gateway.PathMatchExact:
		r.plainPath(value, at+".value")
		return &mesh.StringMatch{Exact: value}, exactRank, len(value)
	case gateway.PathMatchRegularExpression:
		return r.regex(value, at+".value"), regexRank, len(value)
	}
	r.plainPath(value, at+".value")
	if elements := strings.TrimRight(value, "/"); elements != "" {
		m = &mesh.StringMatch{Elements: elements}
	}
	return m, prefixRank, len(value)
}

// plainPath faults what no normalized path has.
func (r *gatewayReader) plainPath(p, at string) {
	switch {
	case !strings.HasPrefix(p, "/"):
		r.fault(at, "%q is not a path; want one that begins with a slash", p)
	case len(p) > 1024:
		r.fault(at, "has %d bytes; at most 1024 are allowed", len(p))
	case !gatewayPath.MatchString(p):
		r.fault(at, "%q has a character that no path may have; write it as %%20 and the like", p)
	}
	for _, odd := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		if strings.Contains(p, odd) {
			r.fault(at, "%q has %s, which no normalized path has", p, odd)
		}
	}
	if strings.HasSuffix(p, "/..") || strings.HasSuffix(p, "/.") {
		r.fault(at, "%q ends with dots, which no normalized path does", p)
	}
}

func (r *gatewayReader) regex(pattern, at string) *mesh.StringMatch {
	if pattern == "" {
		r.fault(at, "is empty; want a regular expression (RE2)")
	} else if _, err := regexp.Compile("^(?:" + pattern + ")$"); err != nil {
		r.fault(at, "%q is not a regular expression (RE2): %v", pattern, err)
	}
	return &mesh.StringMatch{Regex: pattern}
}

func (r *gatewayReader) value(kind *string, value, at string) *mesh.StringMatch {
	if or(kind, "Exact") == "RegularExpression" {
		return r.regex(value, at+".value")
	}
	if value == "" {
		r.fault(at+".value", "is empty; want the value to compare with")
	}
	return &mesh.StringMatch{Exact: value}
}

// named adds the match of a header or a parameter.
func (r *gatewayReader) named(into *map[string]*mesh.StringMatch, name string, m *mesh.StringMatch, at string) {
	if !token(name) {
		r.fault(at+".name", "%q is not a name of one", name)
	}
	if _, twice := (*into)[name]; twice {
		r.fault(at+".name", "%q is there twice; keep one", name)
	}
	if *into == nil {
		*into = map[string]*mesh.StringMatch{}
	}
	(*into)[name] = m
}

// grpcMatches are the matches of a rule of a GRPCRoute. They rank by length of the
// service, length of the method, number of headers.
func (r *gatewayReader) grpcMatches(all []gateway.GRPCRouteMatch, rule string) []GatewayMatch {
	if len(all) == 0 {
		all = []gateway.GRPCRouteMatch{{}}
	}
	var out []GatewayMatch
	for i, m := range all {
		at := fmt.Sprintf("%s.matches[%d]", rule, i)
		var g GatewayMatch
		if m.Method != nil {
			service, method := or(m.Method.Service, ""), or(m.Method.Method, "")
			g.Path = r.call(*m.Method, at+".method")
			g.Rank[0], g.Rank[1] = len(service), len(method)
		}
		for n, h := range m.Headers {
			here := fmt.Sprintf("%s.headers[%d]", at, n)
			r.named(&g.Headers, strings.ToLower(string(h.Name)), r.value((*string)(h.Type), h.Value, here), here)
		}
		g.Rank[2] = len(g.Headers)
		out = append(out, g)
	}
	return out
}

var (
	grpcService = regexp.MustCompile(`(?i)^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$`)
	grpcMethod  = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]*$`)
)

// call is the path of a call of gRPC: /service/method.
func (r *gatewayReader) call(m gateway.GRPCMethodMatch, at string) *mesh.StringMatch {
	service, method := or(m.Service, ""), or(m.Method, "")
	if service == "" && method == "" {
		r.fault(at, "names neither; want service, method or both")
		return nil
	}
	if or(m.Type, gateway.GRPCMethodMatchExact) == gateway.GRPCMethodMatchRegularExpression {
		for name, pattern := range map[string]string{"service": service, "method": method} {
			if pattern != "" {
				r.regex(pattern, at+"."+name)
			}
		}
		return &mesh.StringMatch{Regex: "/" + anyElement(service) + "/" + anyElement(method)}
	}
	if service != "" && !grpcService.MatchString(service) {
		r.fault(at+".service", "%q is not a service of gRPC; want one such as shop.Catalog", service)
	}
	if method != "" && !grpcMethod.MatchString(method) {
		r.fault(at+".method", "%q is not a method of gRPC; want one such as Get", method)
	}
	switch {
	case method == "":
		return &mesh.StringMatch{Prefix: "/" + service + "/"}
	case service == "":
		return &mesh.StringMatch{Regex: "/[^/]+/" + method}
	}
	return &mesh.StringMatch{Exact: "/" + service + "/" + method}
}

func anyElement(pattern string) string {
	if pattern == "" {
		return "[^/]+"
	}
	return "(?:" + pattern + ")"
}
