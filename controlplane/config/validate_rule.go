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

func (v *validator) headers(h *networking.Headers, path string) {
	for _, side := range []struct {
		name string
		ops  *networking.Headers_HeaderOperations
	}{{"request", h.GetRequest()}, {"response", h.GetResponse()}} {
		at := path + "." + side.name
		v.fields(side.ops.GetSet(), at+".set", side.name == "request")
		v.fields(side.ops.GetAdd(), at+".add", false)
		for i, name := range side.ops.GetRemove() {
			v.fieldName(name, fmt.Sprintf("%s.remove[%d]", at, i))
		}
	}
}

// fields looks at the names and values of a set or an add. Authority says that the
// host may be among them.
func (v *validator) fields(by map[string]string, path string, authority bool) { //nolint:revive // what a field may be
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		here, lower := fmt.Sprintf("%s[%q]", path, name), FieldName(name)
		if seen[lower] {
			v.fault(here, "%q is there twice: the case of letters makes no difference", name)
		}
		seen[lower] = true
		if authority && lower == "host" {
			v.authority(by[name], here)
			continue
		}
		v.fieldName(name, here)
		v.fieldValue(by[name], here)
	}
}

// FieldName is the name of a header as the mesh has it: in lower case, and "host"
// for what HTTP/2 calls :authority.
func FieldName(name string) string {
	if name = strings.ToLower(name); name != ":authority" {
		return name
	}
	return "host"
}

// ofTheHop are the fields that belong to one connection, or frame the body.
var ofTheHop = []string{
	"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}

func (v *validator) fieldName(name, path string) {
	switch lower := FieldName(name); {
	case lower == "host":
		v.fault(path, "%q can only be set, in request.set; rewrite.authority does the same", name)
	case strings.HasPrefix(name, ":"):
		v.fault(path, "%q is not a header; use rewrite for the path and the authority", name)
	case !token(name):
		v.fault(path, "%q is not the name of a header", name)
	case slices.Contains(ofTheHop, lower):
		v.fault(path, "%q belongs to the connection; the mesh takes care of it", name)
	case strings.HasPrefix(lower, "x-sightline-"):
		v.fault(path, "%q is the mesh's own; choose another name", name)
	}
}

func (v *validator) fieldValue(value, path string) {
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			v.fault(path, "%q has a control character, which no header may have", value)
			return
		}
	}
	rest := strings.ReplaceAll(value, "%%", "")
	if i := strings.IndexByte(rest, '%'); i >= 0 {
		variable := rest[i:]
		if j := strings.IndexByte(variable[1:], '%'); j >= 0 {
			variable = variable[:j+2]
		}
		v.fault(path, "%s is not supported: a value is the same for every request, and variables are Envoy's; write a plain one, with %%%% for a percent sign", variable)
	}
}

// authority faults what cannot be host[:port].
func (v *validator) authority(a, path string) {
	for _, c := range []byte(a) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-._~:[]", rune(c)) {
			v.fault(path, "%q is not an authority; want a host name, with or without a port", a)
			return
		}
	}
	if a == "" {
		v.fault(path, "is empty; want a host name, with or without a port")
	}
}

func (v *validator) rewrite(r *networking.HTTPRewrite, path string) {
	if r == nil {
		return
	}
	regex := r.GetUriRegexRewrite()
	if r.GetUri() == "" && r.GetAuthority() == "" && regex == nil {
		v.fault(path, "is empty; want uri, uriRegexRewrite or authority")
	}
	if r.GetUri() != "" && regex != nil {
		v.fault(path+".uriRegexRewrite", "cannot stand beside uri; keep one")
	}
	v.path(r.GetUri(), path+".uri")
	if r.GetAuthority() != "" {
		v.authority(r.GetAuthority(), path+".authority")
	}
	if regex != nil {
		v.regexRewrite(regex, path+".uriRegexRewrite")
	}
}

// path faults what would make a request line that is none.
func (v *validator) path(p, path string) {
	switch {
	case p == "":
	case p[0] != '/':
		v.fault(path, "%q is not a path; want one that begins with a slash", p)
	case strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }):
		v.fault(path, "%q has a character that no path may have; write it as %%20 and the like", p)
	}
}

func (v *validator) regexRewrite(r *networking.RegexRewrite, path string) {
	pattern, err := regexp.Compile(r.GetMatch())
	switch {
	case r.GetMatch() == "":
		v.fault(path+".match", "is empty; want a regular expression (RE2) for what is replaced")
		return
	case err != nil:
		v.fault(path+".match", "%q is not a regular expression (RE2): %v", r.GetMatch(), err)
		return
	}
	if group := mesh.LastGroup(r.GetRewrite()); group > pattern.NumSubexp() {
		v.fault(path+".rewrite", `%q names the group \%d; the match has %d`, r.GetRewrite(), group, pattern.NumSubexp())
	}
}

func (v *validator) redirect(h *networking.HTTPRoute, path string) {
	r := h.GetRedirect()
	if r == nil {
		return
	}
	v.leads(r, path)
	if code := r.GetRedirectCode(); code != 0 && !slices.Contains([]uint32{301, 302, 303, 307, 308}, code) {
		v.fault(path+".redirectCode", "%d is not a redirect; want 301, 302, 303, 307 or 308", code)
	}
	if s := r.GetScheme(); s != "" && s != "http" && s != "https" {
		v.fault(path+".scheme", "%q is not supported; want http or https", s)
	}
	v.path(r.GetUri(), path+".uri")
	if r.GetAuthority() != "" {
		v.authority(r.GetAuthority(), path+".authority")
	}
	if _, set := r.GetRedirectPort().(*networking.HTTPRedirect_Port); set && r.GetPort() == 0 {
		v.fault(path+".port", "0 is not a port; want 1 to 65535")
	}
	v.port(r.GetPort(), path+".port")
	if r.GetPrefixRewrite() != "" {
		v.prefixRewrite(h, path)
	}
}

// leads faults a redirect to where the request was going anyway.
func (v *validator) leads(r *networking.HTTPRedirect, path string) {
	if r.GetUri()+r.GetAuthority()+r.GetScheme()+r.GetPrefixRewrite() == "" && r.GetRedirectPort() == nil {
		v.fault(path, "leads nowhere else; want uri, authority, scheme or port")
	}
}

func (v *validator) prefixRewrite(h *networking.HTTPRoute, path string) {
	v.path(h.GetRedirect().GetPrefixRewrite(), path+".prefixRewrite")
	if h.GetRedirect().GetUri() != "" {
		v.fault(path+".prefixRewrite", "cannot stand beside uri; keep one")
	}
	prefixed := func(m *networking.HTTPMatchRequest) bool { return m.GetUri().GetPrefix() == "" }
	if len(h.GetMatch()) == 0 || slices.ContainsFunc(h.GetMatch(), prefixed) {
		v.fault(path+".prefixRewrite", "needs a prefix to replace; give each match a uri.prefix")
	}
}

func (v *validator) directResponse(d *networking.HTTPDirectResponse, path string) {
	if d == nil {
		return
	}
	if s := d.GetStatus(); s < 200 || s > 599 {
		v.fault(path+".status", "%d is not the status of an answer; want 200 to 599", s)
	}
	if n := len(d.GetBody().GetString_()) + len(d.GetBody().GetBytes()); n > mesh.MaxBody {
		v.fault(path+".body", "has %d bytes; at most %d are answered", n, mesh.MaxBody)
	} else if n > 0 && (d.GetStatus() == 204 || d.GetStatus() == 304) {
		v.fault(path+".body", "an answer with status %d has no body; leave it out", d.GetStatus())
	}
}
