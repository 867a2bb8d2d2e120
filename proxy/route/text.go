package route

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// text compares a whole value; exactly one way of comparing is in use.
type text struct {
	exact, prefix string // in lower case when fold is set
	fold          bool   // letters of ASCII in any case
	elements      bool   // prefix ends where an element of a path does
	pattern       *regexp.Regexp
}

func (x *text) fits(value string) bool {
	switch {
	case x.pattern != nil:
		return x.pattern.MatchString(value)
	case x.prefix != "":
		n := len(x.prefix)
		return len(value) >= n && x.equal(value[:n], x.prefix) && (!x.elements || len(value) == n || value[n] == '/')
	}
	return x.equal(value, x.exact)
}

func (x *text) equal(value, want string) bool {
	if !x.fold {
		return value == want
	}
	if len(value) != len(want) {
		return false
	}
	for i := range len(value) {
		c := value[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func set(field string) int {
	if field == "" {
		return 0
	}
	return 1
}

func compileText(s *mesh.StringMatch) (*text, error) {
	switch {
	case s == nil:
		return nil, nil //nolint:nilnil // no condition compiles to no condition
	case set(s.Exact)+set(s.Prefix)+set(s.Regex)+set(s.Elements) > 1:
		return nil, errors.New("more than one of exact, prefix, regex and elements is set")
	case s.Elements != "":
		if s.Elements[0] != '/' || strings.HasSuffix(s.Elements, "/") {
			return nil, fmt.Errorf("elements %q: want a path that begins with a slash and ends without one", s.Elements)
		}
		return &text{prefix: s.Elements, elements: true}, nil
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

// folded compares without regard to the case of letters; patterns stay as they are.
func (x *text) folded() *text {
	if x == nil || x.pattern != nil {
		return x
	}
	return &text{exact: strings.ToLower(x.exact), prefix: strings.ToLower(x.prefix), fold: true, elements: x.elements}
}
