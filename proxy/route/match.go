package route

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// match is a compiled mesh.Match: all parts that are set have to fit.
type match struct {
	path, method *text
	headers      []header
}

type header struct {
	name string
	want *text // nil asks for presence
}

// text compares a whole value; exactly one way of comparing is in use.
type text struct {
	exact, prefix string
	pattern       *regexp.Regexp
}

func (m *match) fits(r *Request) bool {
	if m.method != nil && !m.method.fits(r.Method) {
		return false
	}
	if m.path != nil && !m.path.fits(withoutQuery(r.Path)) {
		return false
	}
	for _, h := range m.headers {
		value, ok := r.Header(h.name)
		if !ok || h.want != nil && !h.want.fits(value) {
			return false
		}
	}
	return true
}

func (x *text) fits(value string) bool {
	switch {
	case x.pattern != nil:
		return x.pattern.MatchString(value)
	case x.prefix != "":
		return strings.HasPrefix(value, x.prefix)
	}
	return value == x.exact
}

// withoutQuery is what path matches look at.
func withoutQuery(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

// compileMatch reports every fault of m, each with the field it is in.
func compileMatch(m mesh.Match) (match, error) {
	var out match
	var bad []error
	part := func(field string, s *mesh.StringMatch) *text {
		x, err := compileText(s)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", field, err))
		}
		return x
	}
	out.path = part("path", m.Path)
	out.method = part("method", m.Method)
	for name, want := range m.Headers {
		field := fmt.Sprintf("headers[%q]", name)
		if name == "" || name != strings.ToLower(name) {
			bad = append(bad, fmt.Errorf("%s: not a lower-case header name", field))
		}
		out.headers = append(out.headers, header{name: name, want: part(field, want)})
	}
	slices.SortFunc(out.headers, func(a, b header) int { return strings.Compare(a.name, b.name) })
	return out, errors.Join(bad...)
}

func compileText(s *mesh.StringMatch) (*text, error) {
	switch {
	case s == nil:
		return nil, nil //nolint:nilnil // no condition compiles to no condition
	case s.Exact != "" && s.Prefix != "", s.Exact != "" && s.Regex != "", s.Prefix != "" && s.Regex != "":
		return nil, errors.New("more than one of exact, prefix and regex is set")
	case s.Regex == "":
		return &text{exact: s.Exact, prefix: s.Prefix}, nil
	}
	// \A and \z, not ^ and $: a flag inside the pattern must not move the anchors.
	pattern, err := regexp.Compile(`\A(?:` + s.Regex + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("regex %q: %w", s.Regex, err)
	}
	return &text{pattern: pattern}, nil
}
