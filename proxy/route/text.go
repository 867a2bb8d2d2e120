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
	pattern       *regexp.Regexp
}

func (x *text) fits(value string) bool {
	switch {
	case x.pattern != nil:
		return x.pattern.MatchString(value)
	case x.prefix != "":
		return len(value) >= len(x.prefix) && x.equal(value[:len(x.prefix)], x.prefix)
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

// folded compares without regard to the case of letters; patterns stay as they are.
func (x *text) folded() *text {
	if x == nil || x.pattern != nil {
		return x
	}
	return &text{exact: strings.ToLower(x.exact), prefix: strings.ToLower(x.prefix), fold: true}
}
