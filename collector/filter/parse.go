package filter

import (
	"regexp"
	"strings"
)

// What an expression may cost whoever reads it.
const (
	MaxLength      = 4096 // bytes
	MaxComparisons = 64
	maxDepth       = 32
)

// Parse reads an expression. The error is an *Error with the place of the fault.
func Parse(text string) (Expr, error) {
	if len(text) > MaxLength {
		return nil, wrong(MaxLength, "the expression is longer than %d bytes", MaxLength)
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.class != atEnd {
		return nil, wrong(t.pos, "unexpected %q; want AND, OR or the end", t.text)
	}
	return e, nil
}

type parser struct {
	tokens      []token
	at          int
	comparisons int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.class != atEnd {
		p.at++
	}
	return t
}

func (p *parser) or(depth int) (Expr, error) {
	return list(p, joinOr, func() (Expr, error) { return p.and(depth) }, func(l []Expr) Expr { return Or(l) })
}

func (p *parser) and(depth int) (Expr, error) {
	return list(p, joinAnd, func() (Expr, error) { return p.not(depth) }, func(l []Expr) Expr { return And(l) })
}

// list reads one or more conditions with a word between them.
func list(p *parser, between class, one func() (Expr, error), many func([]Expr) Expr) (Expr, error) {
	first, err := one()
	if err != nil || p.peek().class != between {
		return first, err
	}
	all := []Expr{first}
	for p.peek().class == between {
		p.take()
		e, err := one()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return many(all), nil
}

func (p *parser) not(depth int) (Expr, error) {
	t := p.peek()
	if depth > maxDepth {
		return nil, wrong(t.pos, "nested deeper than %d", maxDepth)
	}
	switch t.class {
	case negation:
		p.take()
		e, err := p.not(depth + 1)
		return Not{e}, err
	case opening:
		p.take()
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if end := p.take(); end.class != closing {
			return nil, wrong(end.pos, "the parenthesis opened at character %d is not closed; want )", t.pos+1)
		}
		return e, nil
	}
	return p.comparison()
}

func (p *parser) comparison() (Expr, error) {
	key := p.take()
	if key.class != word && key.class != ticked && key.class != quoted {
		return nil, wrong(key.pos, `want a comparison such as service = "cart", "text", NOT or (; %s`, found(key))
	}
	if p.comparisons++; p.comparisons > MaxComparisons {
		return nil, wrong(key.pos, "more than %d comparisons", MaxComparisons)
	}
	if key.class == quoted {
		return Comparison{Op: Contains, Value: TextValue(key.text), Pos: key.pos}, nil
	}
	c := Comparison{Key: key.text, Pos: key.pos}
	if err := p.scoped(&c, key); err != nil {
		return nil, err
	}
	op := p.take()
	if op.class == word && strings.EqualFold(op.text, string(Exists)) {
		c.Op = Exists
		return c, nil
	}
	if op.class != operator {
		return nil, wrong(op.pos, "want = != > >= < <= =~ !~ ~ or exists after %s, or %q for the text; %s", key.text, key.text, found(op))
	}
	if c.Op = Op(op.text); op.text == "==" {
		c.Op = Equal
	}
	if err := p.value(&c); err != nil {
		return nil, err
	}
	return c, nil
}

// scoped takes the scope off the key, which may stand in backquotes after it.
func (p *parser) scoped(c *Comparison, key token) error {
	if key.class == word {
		c.Scope = scopeOf(key.text)
	}
	if c.Scope == Any {
		return nil
	}
	if c.Key = strings.TrimPrefix(key.text[len(c.Scope):], "."); c.Key != "" {
		return nil
	}
	more := p.take()
	if more.class != ticked {
		return wrong(more.pos, "want a key after %s", key.text)
	}
	c.Key = more.text
	return nil
}

func (p *parser) value(c *Comparison) error {
	t := p.take()
	switch t.class {
	case quoted:
		c.Value = TextValue(t.text)
	case word:
		c.Value = WordValue(t.text)
	default:
		return wrong(t.pos, `want a value after %s: "text", a number, a duration, true or false; %s`, c.Op, found(t))
	}
	if err := Check(*c); err != "" {
		return wrong(t.pos, "%s", err)
	}
	return nil
}

// Check says what is wrong with the value of a comparison, empty if nothing is.
func Check(c Comparison) string {
	switch c.Op {
	case Match, NotMatch:
		if _, err := regexp.Compile(c.Value.Text); err != nil {
			return "not a regular expression: " + err.Error() + "; want RE2 syntax"
		}
	case Greater, GreaterEqual, Less, LessEqual:
		if c.Value.Kind == Bool {
			return "true and false have no order; want = or !="
		}
	}
	return ""
}

func found(t token) string {
	if t.class == atEnd {
		return "the expression ends here"
	}
	return "found " + strings.TrimSpace(t.text)
}

// scopeOf is the scope with which a key begins.
func scopeOf(key string) Scope {
	for _, s := range []Scope{Span, Resource} {
		if strings.HasPrefix(key, string(s)+".") {
			return s
		}
	}
	return Any
}
