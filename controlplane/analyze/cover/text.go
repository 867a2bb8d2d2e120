package cover

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// text is a set of strings: all, one, those with a prefix (of whole elements of a path,
// too), or those that fit a pattern.
type text struct {
	kind    kind
	value   string // of exact, prefix and elements; in lower case with fold
	pattern string
	re      *regexp.Regexp
	fold    bool
}

type kind uint8

const (
	every kind = iota
	exact
	prefix
	elements
	pattern
)

// textOf is what a match compares; nil fits every string, as does what cannot be read.
func textOf(m *mesh.StringMatch) text {
	switch {
	case m == nil:
		return text{}
	case m.Regex != "":
		return patternOf(m.Regex)
	case m.Elements != "":
		return text{kind: elements, value: m.Elements}
	case m.Prefix != "":
		return text{kind: prefix, value: m.Prefix}
	}
	return text{kind: exact, value: m.Exact}
}

// patternOf takes a pattern that stands for a value or a prefix for that.
func patternOf(p string) text {
	re, err := regexp.Compile(`\A(?:` + p + `)\z`)
	if err != nil {
		return text{kind: pattern, pattern: p}
	}
	tree, err := syntax.Parse(unanchored(p), syntax.Perl)
	if err != nil {
		return text{kind: pattern, pattern: p, re: re}
	}
	tree = tree.Simplify()
	switch lit, rest := literal(tree); {
	case rest == nil:
		return text{kind: exact, value: lit}
	case anything(rest) && lit == "":
		return text{}
	case anything(rest):
		return text{kind: prefix, value: lit}
	}
	return text{kind: pattern, pattern: p, re: re}
}

// unanchored is the pattern without anchors at its ends, where all are anchored anyway.
func unanchored(p string) string {
	p = strings.TrimPrefix(p, "^")
	if strings.HasSuffix(p, "$") && !strings.HasSuffix(p, `\$`) {
		p = strings.TrimSuffix(p, "$")
	}
	return p
}

// literal is what a pattern begins with, and what follows: nil if nothing does.
func literal(tree *syntax.Regexp) (string, *syntax.Regexp) {
	switch {
	case tree.Op == syntax.OpEmptyMatch:
		return "", nil
	case tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0:
		return string(tree.Rune), nil
	case tree.Op == syntax.OpConcat && len(tree.Sub) == 2:
		first, rest := literal(tree.Sub[0])
		if rest == nil {
			return first, tree.Sub[1]
		}
	}
	return "", tree
}

// anything reports whether a pattern is ".*", which fits every value: none has a line's
// end in it.
func anything(tree *syntax.Regexp) bool {
	return tree.Op == syntax.OpStar && (tree.Sub[0].Op == syntax.OpAnyCharNotNL || tree.Sub[0].Op == syntax.OpAnyChar)
}

// folded compares without regard to the case of letters; patterns stay as they are.
func (a text) folded() text {
	if a.kind != every && a.kind != pattern {
		a.value, a.fold = strings.ToLower(a.value), true
	}
	return a
}

// covers is whether every string in b is in a. Samples are strings to try where b is
// every string.
func (a text) covers(b text, samples []string) Answer {
	switch {
	case a.kind == every:
		return Yes
	case b.kind == exact && !b.fold:
		return is(a.fits(b.value))
	case a.kind == pattern || b.kind == pattern:
		return a.byPattern(b, samples)
	case b.kind == every:
		return No
	case b.fold && !a.fold && strings.ToLower(a.value) != strings.ToUpper(a.value):
		return No // b has it in other letters too
	}
	return is(a.holds(b))
}

// byPattern is covers where one of the two is a pattern.
func (a text) byPattern(b text, samples []string) Answer {
	switch {
	case a.kind == pattern && b.kind == pattern && a.pattern == b.pattern:
		return Yes
	case b.kind == pattern && a.kind == exact:
		return No
	case b.kind == pattern && a.kind == prefix && b.begins(a):
		return Yes
	}
	return a.tried(b.examples(samples))
}

// holds is covers between anything but patterns.
func (a text) holds(b text) bool {
	have := b.value
	if a.fold {
		have = strings.ToLower(have)
	}
	switch a.kind {
	case exact:
		return b.kind == exact && have == a.value
	case elements:
		return b.kind != prefix && have == a.value || strings.HasPrefix(have, a.value+"/")
	}
	return strings.HasPrefix(have, a.value)
}

// begins reports whether all that the pattern fits begins with the prefix.
func (a text) begins(p text) bool {
	if a.re == nil || p.fold {
		return false
	}
	lit, _ := regexp.MustCompile(a.pattern).LiteralPrefix()
	return strings.HasPrefix(lit, p.value)
}

// tried is No if there is an example that is not in a.
func (a text) tried(examples []string) Answer {
	for _, e := range examples {
		if !a.fits(e) {
			return No
		}
	}
	if len(examples) == 0 {
		return No // nothing speaks for it
	}
	return Maybe
}

// fits reports whether a string is in a.
func (a text) fits(s string) bool {
	switch a.kind {
	case every:
		return true
	case pattern:
		return a.re != nil && a.re.MatchString(s)
	}
	return a.holds(text{kind: exact, value: s})
}

// odd are endings that few patterns expect.
var odd = []string{"", "x", "/", "0", "/x-y_z/~1.2", "%20;,!", "?q"}

// examples are some of the strings in b.
func (a text) examples(samples []string) []string {
	switch a.kind {
	case every:
		return samples
	case exact:
		return a.cases(a.value)
	case elements:
		return slices.Concat(a.cases(a.value), a.cases(a.value+"/"), a.cases(a.value+"/x"))
	case prefix:
		var out []string
		for _, o := range odd {
			out = append(out, a.cases(a.value+o)...)
		}
		return out
	}
	return a.generated()
}

func (a text) cases(s string) []string {
	if !a.fold {
		return []string{s}
	}
	return []string{s, strings.ToUpper(s)}
}
