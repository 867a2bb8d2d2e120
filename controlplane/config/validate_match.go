package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (v *validator) match(m *networking.HTTPMatchRequest, path string) {
	v.stringMatch(m.GetUri(), path+".uri")
	v.stringMatch(m.GetScheme(), path+".scheme")
	v.stringMatch(m.GetMethod(), path+".method")
	v.stringMatch(m.GetAuthority(), path+".authority")
	v.slash(m.GetUri(), path+".uri")
	if m.GetIgnoreUriCase() && m.GetUri().GetRegex() != "" {
		v.warn(path+".ignoreUriCase", "takes no effect on a regex; begin that with (?i)")
	}
	v.namedHeaders(m.GetHeaders(), path+".headers")
	v.namedHeaders(m.GetWithoutHeaders(), path+".withoutHeaders")
	for _, name := range slices.Sorted(maps.Keys(m.GetQueryParams())) {
		here := fmt.Sprintf("%s.queryParams[%q]", path, name)
		if name == "" {
			v.fault(here, "has no name; want that of a parameter of the query")
		}
		if is := m.GetQueryParams()[name]; !Present(is) {
			v.stringMatch(is, here)
		}
	}
	v.addressed(m.GetPort(), path+".port")
	v.source(m.GetSourceNamespace(), path+".sourceNamespace")
}

// slash warns of a path that no request has.
func (v *validator) slash(m *networking.StringMatch, path string) {
	for kind, value := range map[string]string{"exact": m.GetExact(), "prefix": m.GetPrefix()} {
		if value != "" && value[0] != '/' && value != "*" { // OPTIONS * has that path
			v.find(CodeFitsNothing, path+"."+kind, "%q fits no path: each begins with a slash", value)
		}
	}
}

func (v *validator) source(namespace, path string) {
	if namespace != "" && !mesh.IsLabel(namespace) {
		v.fault(path, "%q is not a namespace; want lower-case letters, digits and hyphens", namespace)
	}
}

func (v *validator) namedHeaders(by map[string]*networking.StringMatch, path string) {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		here, lower := fmt.Sprintf("%s[%q]", path, name), strings.ToLower(name)
		switch {
		case seen[lower]:
			v.fault(here, "%q is there twice: the case of letters makes no difference", name)
		case slices.Contains([]string{"uri", "scheme", "method", "authority"}, name), strings.HasPrefix(name, ":"):
			v.fault(here, "%q is not a header; use the match's own field of that name", name)
		case !token(name):
			v.fault(here, "%q is not the name of a header", name)
		}
		seen[lower] = true
		if is := by[name]; !Present(is) {
			v.stringMatch(is, here)
		}
	}
}

// Present reports whether the match of a header or a parameter only asks for its
// presence: with no kind, an empty exact, or the regex "*", which is none.
func Present(m *networking.StringMatch) bool {
	switch is := m.GetMatchType().(type) {
	case nil:
		return true
	case *networking.StringMatch_Exact:
		return is.Exact == ""
	case *networking.StringMatch_Regex:
		return is.Regex == "*"
	}
	return false
}

func (v *validator) stringMatch(m *networking.StringMatch, path string) {
	if m == nil {
		return
	}
	switch is := m.GetMatchType().(type) {
	case nil:
		v.fault(path, "is empty; want exact, prefix or regex")
	case *networking.StringMatch_Prefix:
		if is.Prefix == "" {
			v.fault(path+".prefix", "is empty; leave the match out to take every request")
		}
	case *networking.StringMatch_Regex:
		if is.Regex == "" {
			v.fault(path+".regex", "is empty; leave the match out to take every request")
		} else if _, err := regexp.Compile("^(?:" + is.Regex + ")$"); err != nil {
			v.fault(path+".regex", "%q is not a regular expression (RE2): %v", is.Regex, err)
		}
	}
}

// token reports whether s may be the name of a header (RFC 9110, section 5.6.2).
func token(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
