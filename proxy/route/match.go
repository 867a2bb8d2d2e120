package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// match is a compiled mesh.Match: all parts that are set have to fit.
type match struct {
	name         string // of the route, with the match's if it has one
	path, method *text
	headers      []named
	rare         *rareParts // nil is none
}

// rareParts are kept apart so that usual matches stay small.
type rareParts struct {
	scheme, authority *text
	without, query    []named
	ports             []uint32 // none is any
}

// named is the comparison of one header or parameter.
type named struct {
	name string
	want *text // nil asks for presence
}

func (m *match) fits(r *Request) bool {
	if m.method != nil && !m.method.fits(r.Method) {
		return false
	}
	if m.path != nil && !m.path.fits(withoutQuery(r.Path)) {
		return false
	}
	for _, h := range m.headers {
		value, ok := r.header(h.name)
		if !ok || h.want != nil && !h.want.fits(value) {
			return false
		}
	}
	return m.rare == nil || m.rare.fit(r)
}

func (p *rareParts) fit(r *Request) bool {
	switch {
	case p.scheme != nil && !p.scheme.fits(r.scheme()):
		return false
	case p.authority != nil && !p.authority.fits(r.Authority):
		return false
	case len(p.ports) > 0 && !slices.Contains(p.ports, r.port()):
		return false
	}
	return !p.forbids(r) && p.parameters(r)
}

// forbids reports whether the request has a header that it must not have. To a
// comparison a header that is not there is empty, as Envoy has it.
func (p *rareParts) forbids(r *Request) bool {
	for _, h := range p.without {
		value, ok := r.header(h.name)
		if h.want == nil && ok || h.want != nil && h.want.fits(value) {
			return true
		}
	}
	return false
}

func (p *rareParts) parameters(r *Request) bool {
	for _, q := range p.query {
		value, ok := r.parameter(q.name)
		if !ok || q.want != nil && !q.want.fits(value) {
			return false
		}
	}
	return true
}

// header is a header by its lower-case name. The host is one in HTTP/1.1 only.
func (r *Request) header(name string) (string, bool) {
	if name == "host" {
		return r.Authority, r.Authority != ""
	}
	return r.Header(name)
}

func (r *Request) scheme() string { return cmp.Or(r.Scheme, "http") }

// port is the one that the request was meant for.
func (r *Request) port() uint32 {
	if r.Port != 0 {
		return uint32(r.Port)
	}
	if port := portOf(r.Authority); port != "" {
		n, _ := strconv.ParseUint(port, 10, 16)
		return uint32(n)
	}
	if r.scheme() == "https" {
		return 443
	}
	return 80
}

// portOf is the port of an authority, empty if it names none.
func portOf(authority string) string {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.IndexByte(authority[i:], ']') >= 0 {
		return ""
	}
	return authority[i+1:]
}

// parameter is the first of its name in the query, as it stands there.
func (r *Request) parameter(name string) (string, bool) {
	_, query, _ := strings.Cut(r.Path, "?")
	for part := range strings.SplitSeq(query, "&") {
		if k, v, _ := strings.Cut(part, "="); k == name && part != "" {
			return v, true
		}
	}
	return "", false
}

// withoutQuery is what path matches look at.
func withoutQuery(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

// matchCompiler collects the faults of one match, each with the field it is in.
type matchCompiler struct{ bad []error }

func compileMatch(route string, m mesh.Match, s *mesh.Snapshot) (match, error) {
	var c matchCompiler
	out := match{
		name:    route,
		path:    c.text("path", m.Path),
		method:  c.text("method", m.Method),
		headers: c.headers("headers", m.Headers),
	}
	if m.Name != "" {
		out.name += "." + m.Name
	}
	if m.IgnoreCase {
		out.path = out.path.folded()
	}
	rare := rareParts{
		scheme:    c.text("scheme", m.Scheme),
		authority: c.text("authority", m.Authority),
		without:   c.headers("without", m.Without),
		query:     c.named("query", m.Query),
		ports:     numbers(s, m.Port),
	}
	if m.Port > 65535 {
		c.bad = append(c.bad, fmt.Errorf("port: %d is not a port", m.Port))
	}
	if rare.scheme != nil || rare.authority != nil || len(rare.without)+len(rare.query) > 0 || m.Port != 0 {
		out.rare = &rare
	}
	return out, errors.Join(c.bad...)
}

// numbers are those that a port of the service goes by, which each instance may have
// under another: of a request that names none, the first port's too.
func numbers(s *mesh.Snapshot, port uint32) []uint32 {
	if port == 0 || port > 65535 {
		return nil
	}
	out := []uint32{port}
	group, known := s.Group(uint16(port))
	if !known || len(s.Ports) == 0 {
		return out
	}
	_, has := s.Group(unnamed)
	if group == 0 && !has {
		out = append(out, unnamed)
	}
	for _, p := range s.Ports {
		if n := uint32(p.Number); p.Group == group && n != port {
			out = append(out, n)
		}
	}
	return out
}

func (c *matchCompiler) text(field string, s *mesh.StringMatch) *text {
	x, err := compileText(s)
	if err != nil {
		c.bad = append(c.bad, fmt.Errorf("%s: %w", field, err))
	}
	return x
}

func (c *matchCompiler) headers(field string, by map[string]*mesh.StringMatch) []named {
	for name := range by {
		if name == "" || name != strings.ToLower(name) {
			c.bad = append(c.bad, fmt.Errorf("%s[%q]: not a lower-case header name", field, name))
		}
	}
	return c.named(field, by)
}

func (c *matchCompiler) named(field string, by map[string]*mesh.StringMatch) []named {
	var out []named
	for name, want := range by {
		out = append(out, named{name: name, want: c.text(fmt.Sprintf("%s[%q]", field, name), want)})
	}
	slices.SortFunc(out, func(a, b named) int { return strings.Compare(a.name, b.name) })
	return out
}
