package traceql

import (
	"time"

	"github.com/sightline-mesh/sightline/collector/filter"
)

// What a query may cost whoever reads it.
const (
	maxDepth = 32
	maxSets  = 8
)

// Query is what traces are asked for.
type Query struct {
	Filters     []filter.Expr // each met by a span of the trace
	MinDuration time.Duration // of the whole trace; 0 is any
	MaxDuration time.Duration // of the whole trace; 0 is any
	Fields      []Field       // that conditions are about, each once
}

// Parse reads a query. The error is an *Error with the place of the fault.
func Parse(query string) (Query, error) {
	if len(query) > filter.MaxLength {
		return Query{}, wrong(filter.MaxLength, "the query is longer than %d bytes", filter.MaxLength)
	}
	tokens, err := lex(query)
	if err != nil {
		return Query{}, err
	}
	p := parser{tokens: tokens}
	sets, err := p.sets()
	if err != nil {
		return Query{}, err
	}
	return p.query(sets)
}

type parser struct {
	tokens      []token
	at          int
	comparisons int
	fields      []Field
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.class != atEnd {
		p.at++
	}
	return t
}

func (p *parser) takes(s string) bool {
	if t := p.peek(); t.class != symbol || t.text != s {
		return false
	}
	p.at++
	return true
}

// sets reads the braces, each to be met. Of those with || between them one is enough: they
// are one set.
func (p *parser) sets() ([]filter.Expr, error) {
	first, err := p.set()
	if err != nil {
		return nil, err
	}
	all := []filter.Expr{first}
	between := p.peek().text
	if between != "&&" && between != "||" {
		between = "&&"
	}
	for p.peek().class != atEnd {
		if t := p.peek(); len(all) == maxSets || !p.takes(between) {
			return nil, wrong(t.pos, "%s; want && or || and braces, no more than %d and not both, or the end: "+
				"structure, pipelines and metrics are not supported", found(t), maxSets)
		}
		e, err := p.set()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if between == "||" {
		return []filter.Expr{filter.Or(all)}, nil
	}
	return all, nil
}

func (p *parser) set() (filter.Expr, error) {
	if t := p.peek(); !p.takes("{") {
		return nil, wrong(t.pos, "%s; want { and conditions such as {resource.service.name=\"cart\"}", found(t))
	}
	if p.takes("}") {
		return filter.And{}, nil
	}
	if p.peek().text == "true" && p.tokens[p.at+1].text == "}" {
		p.at += 2
		return filter.And{}, nil
	}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); !p.takes("}") {
		return nil, wrong(t.pos, "%s; want &&, || or }", found(t))
	}
	return e, nil
}

func (p *parser) or(depth int) (filter.Expr, error) {
	all, err := p.list("||", func() (filter.Expr, error) { return p.and(depth) })
	if len(all) == 1 {
		return all[0], err
	}
	return filter.Or(all), err
}

func (p *parser) and(depth int) (filter.Expr, error) {
	all, err := p.list("&&", func() (filter.Expr, error) { return p.not(depth) })
	if len(all) == 1 {
		return all[0], err
	}
	return filter.And(all), err
}

func (p *parser) list(between string, one func() (filter.Expr, error)) ([]filter.Expr, error) {
	first, err := one()
	all := []filter.Expr{first}
	for err == nil && p.takes(between) {
		var e filter.Expr
		e, err = one()
		all = append(all, e)
	}
	return all, err
}

func (p *parser) not(depth int) (filter.Expr, error) {
	t := p.peek()
	switch {
	case depth > maxDepth:
		return nil, wrong(t.pos, "nested deeper than %d", maxDepth)
	case p.takes("!"):
		e, err := p.not(depth + 1)
		return filter.Not{Of: e}, err
	case p.takes("("):
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if end := p.peek(); !p.takes(")") {
			return nil, wrong(end.pos, "the parenthesis opened at character %d is not closed; want )", t.pos+1)
		}
		return e, nil
	}
	return p.comparison()
}

func found(t token) string {
	switch t.class {
	case atEnd:
		return "the query ends here"
	case quoted:
		return "unexpected text"
	}
	return "unexpected " + t.text
}
