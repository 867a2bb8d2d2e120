package cover

import (
	"regexp/syntax"
	"strings"
)

// generated are a few strings that the pattern fits: the shortest ways through it, and
// some longer ones.
func (a text) generated() []string {
	if a.re == nil {
		return nil
	}
	tree, err := syntax.Parse(a.pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	tree = tree.Simplify()
	var out []string
	for way := range ways {
		var b strings.Builder
		write(&b, tree, way)
		if s := b.String(); a.re.MatchString(s) { // not so where there are word boundaries and the like
			out = append(out, s)
		}
	}
	return out
}

const (
	ways   = 8
	repeat = 4 // at most, of what may be repeated
)

// write adds what one way through a pattern reads. A way picks among what may follow.
func write(b *strings.Builder, tree *syntax.Regexp, way int) {
	switch tree.Op {
	case syntax.OpLiteral:
		b.WriteString(string(tree.Rune))
	case syntax.OpCharClass:
		if n := len(tree.Rune) / 2; n > 0 {
			at := way % n * 2
			low, high := tree.Rune[at], tree.Rune[at+1]
			b.WriteRune(low + min(rune(way), high-low))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte("x/0-~.Q"[way%7])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		for range times(tree, way) {
			write(b, tree.Sub[0], way)
		}
	case syntax.OpAlternate:
		write(b, tree.Sub[way%len(tree.Sub)], way)
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range tree.Sub {
			write(b, sub, way)
		}
	}
}

func times(tree *syntax.Regexp, way int) int {
	switch tree.Op {
	case syntax.OpPlus:
		return 1 + way%repeat
	case syntax.OpQuest:
		return way % 2
	case syntax.OpRepeat:
		return min(tree.Min, repeat)
	}
	return way % repeat
}
