package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// filters makes rules of a list of filters, of which each but RequestMirror may be there
// once.
func (r *gatewayReader) filters(all []gateway.HTTPRouteFilter, at string, out *GatewayRule) {
	seen := map[gateway.HTTPRouteFilterType]bool{}
	for i, f := range all {
		here := fmt.Sprintf("%s[%d]", at, i)
		if seen[f.Type] && f.Type != gateway.HTTPRouteFilterRequestMirror {
			r.fault(here+".type", "%q is there twice; keep one", f.Type)
		}
		seen[f.Type] = true
		r.onlyItsOwn(f, here)
		r.filter(f, here, out)
	}
	if out.Route.Redirect != nil && out.Route.Rewrite != nil {
		r.fault(at, "RequestRedirect cannot stand beside URLRewrite; keep one")
	}
}

func (r *gatewayReader) filter(f gateway.HTTPRouteFilter, here string, out *GatewayRule) {
	switch f.Type {
	case gateway.HTTPRouteFilterRequestHeaderModifier:
		r.edits(out).Request = r.modifier(f.RequestHeaderModifier, here+".requestHeaderModifier", true)
	case gateway.HTTPRouteFilterResponseHeaderModifier:
		r.edits(out).Response = r.modifier(f.ResponseHeaderModifier, here+".responseHeaderModifier", false)
	case gateway.HTTPRouteFilterRequestMirror:
		if f.RequestMirror != nil {
			out.Mirrors = append(out.Mirrors, r.mirrorOf(*f.RequestMirror, here+".requestMirror"))
		}
	case gateway.HTTPRouteFilterRequestRedirect:
		if f.RequestRedirect != nil {
			out.Route.Redirect = r.redirectOf(*f.RequestRedirect, here+".requestRedirect")
		}
	case gateway.HTTPRouteFilterURLRewrite:
		if f.URLRewrite != nil {
			out.Route.Rewrite = r.rewriteOf(*f.URLRewrite, here+".urlRewrite")
		}
	case gateway.HTTPRouteFilterCORS:
		if f.CORS != nil {
			out.Route.CORS = r.corsOf(*f.CORS, here+".cors")
		}
	case "":
		r.fault(here+".type", "is missing; want the kind of filter")
	}
}

// onlyItsOwn holds a filter to the field that its type names.
func (r *gatewayReader) onlyItsOwn(f gateway.HTTPRouteFilter, here string) {
	for _, field := range []struct {
		of   gateway.HTTPRouteFilterType
		name string
		set  bool
	}{
		{gateway.HTTPRouteFilterRequestHeaderModifier, "requestHeaderModifier", f.RequestHeaderModifier != nil},
		{gateway.HTTPRouteFilterResponseHeaderModifier, "responseHeaderModifier", f.ResponseHeaderModifier != nil},
		{gateway.HTTPRouteFilterRequestMirror, "requestMirror", f.RequestMirror != nil},
		{gateway.HTTPRouteFilterRequestRedirect, "requestRedirect", f.RequestRedirect != nil},
		{gateway.HTTPRouteFilterURLRewrite, "urlRewrite", f.URLRewrite != nil},
		{gateway.HTTPRouteFilterCORS, "cors", f.CORS != nil},
	} {
		switch {
		case field.set && f.Type != field.of:
			r.fault(here+"."+field.name, "does not belong to a filter of type %q; remove it", f.Type)
		case !field.set && f.Type == field.of:
			r.fault(here+"."+field.name, "is missing; a filter of type %q needs it", f.Type)
		}
	}
}

func (*gatewayReader) edits(out *GatewayRule) *mesh.HeaderEdits {
	if out.Route.Headers == nil {
		out.Route.Headers = &mesh.HeaderEdits{}
	}
	return out.Route.Headers
}

// modifier is a list of edits. A request's host may be set.
func (r *gatewayReader) modifier(f *gateway.HTTPHeaderFilter, at string, request bool) mesh.FieldEdits { //nolint:revive // what a field may be
	var out mesh.FieldEdits
	if f == nil {
		return out
	}
	seen := map[string]bool{}
	note := func(name, here string) {
		if seen[name] {
			r.fault(here, "%q is there twice; keep one", name)
		}
		seen[name] = true
	}
	put := func(list []gateway.HTTPHeader, action string, into *map[string]string) {
		for i, h := range list {
			here, name := fmt.Sprintf("%s.%s[%d]", at, action, i), FieldName(string(h.Name))
			note(name, here+".name")
			if name == "host" && request && action == "set" {
				r.authority(h.Value, here+".value")
			} else {
				r.fieldName(string(h.Name), here+".name")
				r.plainValue(h.Value, here+".value")
			}
			if *into == nil {
				*into = map[string]string{}
			}
			(*into)[name] = h.Value
		}
	}
	put(f.Set, "set", &out.Set)
	put(f.Add, "add", &out.Add)
	for i, name := range f.Remove {
		here := fmt.Sprintf("%s.remove[%d]", at, i)
		note(FieldName(name), here)
		r.fieldName(name, here)
		out.Remove = append(out.Remove, FieldName(name))
	}
	return out
}

func (r *gatewayReader) plainValue(value, at string) {
	if value == "" {
		r.fault(at, "is empty; want a value")
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		r.fault(at, "%q has a control character, which no header may have", value)
	}
}

func (r *gatewayReader) mirrorOf(m gateway.HTTPRequestMirrorFilter, at string) GatewayBackend {
	out := r.reference(m.BackendRef, at+".backendRef")
	out.Percent = 100
	switch {
	case m.Percent != nil && m.Fraction != nil:
		r.fault(at+".fraction", "cannot stand beside percent; keep one")
	case m.Percent != nil:
		out.Percent = float64(*m.Percent)
	case m.Fraction != nil:
		of := or(m.Fraction.Denominator, 100)
		if of < 1 {
			r.fault(at+".fraction.denominator", "%d is not above 0", of)
			return out
		}
		out.Percent = 100 * float64(m.Fraction.Numerator) / float64(of)
	}
	if out.Percent < 0 || out.Percent > 100 {
		r.fault(at, "%v percent is no share of requests; want 0 to 100", out.Percent)
	}
	return out
}

func (r *gatewayReader) redirectOf(f gateway.HTTPRequestRedirectFilter, at string) *mesh.Redirect {
	out := &mesh.Redirect{
		Code: or(f.StatusCode, 302), Scheme: or(f.Scheme, ""), Authority: string(or(f.Hostname, "")),
		Port: r.portOf(f.Port, at+".port"),
	}
	if !slices.Contains([]int{301, 302, 303, 307, 308}, out.Code) {
		r.fault(at+".statusCode", "%d is not a redirect; want 301, 302, 303, 307 or 308", out.Code)
	}
	r.hostname(f.Hostname, at+".hostname")
	switch { // the port is never the one that the request's authority happens to name
	case out.Port != 0:
	case out.Scheme == "http":
		out.Port = 80
	case out.Scheme == "https":
		out.Port = 443
	default:
		out.RequestPort = true
	}
	if f.Path == nil {
		return out
	}
	by, whole := r.replacement(*f.Path, at+".path")
	if whole {
		out.Path = by
	} else {
		out.Prefix, out.Elements = by, true
	}
	return out
}

func (r *gatewayReader) rewriteOf(f gateway.HTTPURLRewriteFilter, at string) *mesh.Rewrite {
	out := &mesh.Rewrite{Authority: string(or(f.Hostname, ""))}
	r.hostname(f.Hostname, at+".hostname")
	if f.Path != nil {
		by, whole := r.replacement(*f.Path, at+".path")
		out.Path, out.Whole, out.Elements = by, whole, !whole
	} else if f.Hostname == nil {
		r.fault(at, "is empty; want hostname or path")
	}
	return out
}

func (r *gatewayReader) hostname(h *gateway.PreciseHostname, at string) {
	if h == nil {
		return
	}
	for label := range strings.SplitSeq(string(*h), ".") {
		if !mesh.IsLabel(label) {
			r.fault(at, "%q is not a host name; want one such as shop.example", *h)
			return
		}
	}
}

// replacement is what a path, or the prefix of one that was matched, becomes.
func (r *gatewayReader) replacement(m gateway.HTTPPathModifier, at string) (by string, whole bool) {
	field := "replacePrefixMatch"
	value, other := m.ReplacePrefixMatch, m.ReplaceFullPath
	if whole = m.Type == gateway.FullPathHTTPPathModifier; whole {
		field, value, other = "replaceFullPath", other, value
	}
	switch {
	case m.Type == "":
		r.fault(at+".type", "is missing; want ReplaceFullPath or ReplacePrefixMatch")
	case value == nil:
		r.fault(at+"."+field, "is missing; type %q needs it", m.Type)
	case other != nil:
		r.fault(at, "has the field of another type than %q; remove it", m.Type)
	default:
		r.path(*value, at+"."+field)
		if *value != "" {
			return *value, whole
		}
	}
	return "/", whole
}

// prefixReplaced holds a rule that replaces a prefix to having one.
func (r *gatewayReader) prefixReplaced(rule gateway.HTTPRouteRule, at string) {
	if len(rule.Matches) == 0 || len(rule.Matches) == 1 &&
		(rule.Matches[0].Path == nil || or(rule.Matches[0].Path.Type, gateway.PathMatchPathPrefix) == gateway.PathMatchPathPrefix) {
		return
	}
	r.noneReplacesAPrefix(rule.Filters, at)
	for n, b := range rule.BackendRefs {
		r.noneReplacesAPrefix(b.Filters, fmt.Sprintf("%s.backendRefs[%d]", at, n))
	}
}

func (r *gatewayReader) noneReplacesAPrefix(filters []gateway.HTTPRouteFilter, at string) {
	replaces := func(m *gateway.HTTPPathModifier) bool {
		return m != nil && m.Type == gateway.PrefixMatchHTTPPathModifier
	}
	for i, f := range filters {
		if f.URLRewrite != nil && replaces(f.URLRewrite.Path) || f.RequestRedirect != nil && replaces(f.RequestRedirect.Path) {
			r.fault(fmt.Sprintf("%s.filters[%d]", at, i), "replaces the prefix that was matched; want exactly one match, with a path of type PathPrefix")
		}
	}
}

// triesByDefault is how often a request is tried again where nothing says how often, as
// in the sidecar's own default.
const triesByDefault = 2

func (r *gatewayReader) times(s gatewaySource, at string, out *mesh.Route) {
	var perTry time.Duration
	if t := s.timeouts; t != nil {
		out.Timeout, perTry = r.duration(t.Request, at+".timeouts.request"), r.duration(t.BackendRequest, at+".timeouts.backendRequest")
		if out.Timeout > 0 && perTry > out.Timeout {
			r.fault(at+".timeouts.backendRequest", "%s is longer than timeouts.request (%s); want it at most as long", perTry, out.Timeout)
		}
	}
	if perTry > 0 {
		out.Retry = &mesh.Retry{Attempts: triesByDefault, PerTryTimeout: perTry}
	}
	if s.retry == nil {
		return
	}
	// Whatever the codes, a connection that failed is a reason to try again.
	out.Retry = &mesh.Retry{
		Attempts: or(s.retry.Attempts, triesByDefault), PerTryTimeout: perTry,
		On: []string{"connect-failure", "refused-stream", "reset"}, Backoff: r.duration(s.retry.Backoff, at+".retry.backoff"),
	}
	if out.Retry.Attempts < 0 || out.Retry.Attempts > 100 {
		r.fault(at+".retry.attempts", "%d is not a number of tries; want 0 to 100", out.Retry.Attempts)
	}
	for i, code := range s.retry.Codes {
		if code < 400 || code > 599 {
			r.fault(fmt.Sprintf("%s.retry.codes[%d]", at, i), "%d is not the status of a failure; want 400 to 599", code)
		}
		out.Retry.On = append(out.Retry.On, strconv.Itoa(int(code)))
	}
}

func (r *gatewayReader) duration(d *gateway.Duration, at string) time.Duration {
	if d == nil {
		return 0
	}
	out, err := time.ParseDuration(string(*d))
	if err != nil || out > 1000*time.Hour {
		r.fault(at, "%q is not a duration of at most 1000h", *d)
	}
	return out
}
