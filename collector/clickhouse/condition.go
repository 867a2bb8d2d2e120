package clickhouse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/collector/filter"
)

// condition compiles filters to SQL. Keys and values become parameters, so that the
// text of a statement is made of this file's own words only.
type condition struct {
	schema *schema
	params []any
	maps   bool // attributes are read
}

// param is a placeholder for a value; the type is ClickHouse's.
func (c *condition) param(value any, kind string) string {
	name := "f" + strconv.Itoa(len(c.params))
	c.params = append(c.params, Param(name, value))
	return "{" + name + ":" + kind + "}"
}

func (c *condition) text(value string) string { return c.param(value, "String") }

// compile gives a boolean expression that is never NULL, as NOT would not turn that
// round. A comparison that can never make sense is ErrBadQuery.
func (c *condition) compile(e filter.Expr) (string, error) {
	switch e := e.(type) {
	case filter.And:
		return c.list(e, " AND ", "1")
	case filter.Or:
		return c.list(e, " OR ", "0")
	case filter.Not:
		of, err := c.compile(e.Of)
		return "NOT " + of, err
	case filter.Comparison:
		return c.comparison(e)
	}
	return "", fmt.Errorf("%w: filter of type %T", ErrBadQuery, e)
}

// parse compiles what a person wrote; nothing holds for every row.
func (c *condition) parse(text string) (string, error) {
	if text == "" {
		return c.compile(filter.And{})
	}
	e, err := parseFilter(text)
	if err != nil {
		return "", err
	}
	return c.compile(e)
}

func (c *condition) list(of []filter.Expr, between, none string) (string, error) {
	if len(of) == 0 {
		return none, nil
	}
	parts := make([]string, len(of))
	for i, e := range of {
		var err error
		if parts[i], err = c.compile(e); err != nil {
			return "", err
		}
	}
	return "(" + strings.Join(parts, between) + ")", nil
}

func (c *condition) comparison(e filter.Comparison) (string, error) {
	if e.Key == "" {
		c.maps = true
		return c.schema.anywhere(c, e.Value.Text), nil
	}
	col, ok := c.schema.column(e)
	if !ok {
		return c.attribute(e)
	}
	sql, want := col.compare(c, e)
	if want != "" {
		return "", misused(e, want)
	}
	return sql, nil
}

// attribute compares what is in the maps.
func (c *condition) attribute(e filter.Comparison) (string, error) {
	c.maps = true
	m := c.places(e)
	switch e.Op {
	case filter.Exists:
		return m.has(), nil
	case filter.NotEqual:
		return "(" + m.has() + " AND NOT " + m.equal(e.Value) + ")", nil
	case filter.NotMatch:
		return "(" + m.has() + " AND NOT " + m.any(matches(c.text(e.Value.Text))) + ")", nil
	case filter.Match:
		return m.any(matches(c.text(e.Value.Text))), nil
	case filter.Contains:
		return m.any(contains(c.text(e.Value.Text))), nil
	case filter.Equal:
		return m.equal(e.Value), nil
	}
	switch e.Value.Kind {
	case filter.Number:
		return m.orderedNumber(e.Op, e.Value.Number), nil
	case filter.Text, filter.Word:
		return m.orderedText(e.Op, e.Value.Text), nil
	}
	return "", misused(e, `a number or "text": only duration is a length of time`)
}

// misused says what would be right in place of a comparison.
func misused(e filter.Comparison, want string) error {
	return fmt.Errorf("%w: filter: %w", ErrBadQuery, &filter.Error{Pos: e.Pos, What: e.String() + "; want " + want})
}

func matches(pattern string) func(string) string {
	return func(value string) string { return "match(" + value + ", " + pattern + ")" }
}

func contains(part string) func(string) string {
	return func(value string) string { return "positionCaseInsensitiveUTF8(" + value + ", " + part + ") > 0" }
}

// places are the maps that may hold one attribute.
type places struct {
	c    *condition
	key  string // placeholder
	text []string
	own  bool // numbers and bools too
}

func (c *condition) places(e filter.Comparison) places {
	m := places{c: c, key: c.text(e.Key), own: e.Scope != filter.Resource}
	if m.own {
		m.text = append(m.text, "attributes")
	}
	if e.Scope != filter.Span {
		m.text = append(m.text, "resource")
	}
	return m
}

func (m places) in(name string) string { return "mapContains(" + name + ", " + m.key + ")" }
func (m places) of(name string) string { return name + "[" + m.key + "]" }

func or(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func (m places) has() string {
	var parts []string
	for _, name := range m.text {
		parts = append(parts, m.in(name))
	}
	if m.own {
		parts = append(parts, m.in("numbers"), m.in("bools"))
	}
	return or(parts)
}

// any asks something of the value as text.
func (m places) any(ask func(value string) string) string {
	var parts []string
	for _, name := range m.text {
		parts = append(parts, "("+m.in(name)+" AND "+ask(m.of(name))+")")
	}
	if m.own {
		parts = append(parts,
			"("+m.in("numbers")+" AND "+ask("toString("+m.of("numbers")+")")+")",
			"("+m.in("bools")+" AND "+ask("toString("+m.of("bools")+")")+")")
	}
	return or(parts)
}

// equal asks for the value in the type that it looks like, and for text that is
// spelled so. The second condition on text is for the index over values.
func (m places) equal(v filter.Value) string {
	value := m.c.text(v.Text)
	var parts []string
	for _, name := range m.text {
		parts = append(parts, "("+m.of(name)+" = "+value+" AND has(mapValues("+name+"), "+value+") AND "+m.in(name)+")")
	}
	switch {
	case !m.own:
	case v.Kind == filter.Number:
		parts = append(parts, "("+m.of("numbers")+" = "+m.c.param(v.Number, "Float64")+" AND "+m.in("numbers")+")")
	case v.Kind == filter.Bool:
		parts = append(parts, "("+m.of("bools")+" = "+m.c.param(v.Bool, "Bool")+" AND "+m.in("bools")+")")
	}
	return or(parts)
}

func (m places) orderedNumber(op filter.Op, n float64) string {
	value := m.c.param(n, "Float64")
	var parts []string
	if m.own {
		parts = append(parts, "("+m.in("numbers")+" AND "+m.of("numbers")+" "+string(op)+" "+value+")")
	}
	for _, name := range m.text {
		parts = append(parts, "("+m.in(name)+" AND ifNull(toFloat64OrNull("+m.of(name)+") "+string(op)+" "+value+", 0))")
	}
	return or(parts)
}

func (m places) orderedText(op filter.Op, s string) string {
	value := m.c.text(s)
	var parts []string
	for _, name := range m.text {
		parts = append(parts, "("+m.in(name)+" AND "+m.of(name)+" "+string(op)+" "+value+")")
	}
	return or(parts)
}
