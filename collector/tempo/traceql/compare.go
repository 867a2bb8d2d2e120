package traceql

import (
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/filter"
)

// operators are those of collector/filter under the same names.
var operators = []string{"=", "!=", ">", ">=", "<", "<=", "=~", "!~"}

func (p *parser) comparison() (filter.Expr, error) {
	key := p.take()
	if key.class != word {
		return nil, wrong(key.pos, "%s; want a condition such as span.http.status_code>=500, ! or (", found(key))
	}
	f, err := fieldOf(key)
	if err != nil {
		return nil, err
	}
	if p.comparisons++; p.comparisons > filter.MaxComparisons {
		return nil, wrong(key.pos, "more than %d comparisons", filter.MaxComparisons)
	}
	op := p.take()
	if op.class != symbol || !slices.Contains(operators, op.text) {
		return nil, wrong(op.pos, "%s; want %s after %s", found(op), strings.Join(operators, " "), key.text)
	}
	if !slices.ContainsFunc(p.fields, func(known Field) bool { return known.Name == f.Name }) {
		p.fields = append(p.fields, f)
	}
	return compare(f, filter.Op(op.text), p.take())
}

// compare is the condition on a field, or on one of its spellings.
func compare(f Field, op filter.Op, t token) (filter.Expr, error) {
	if t.class == word && t.text == "nil" && f.sort == attribute {
		switch op {
		case filter.NotEqual:
			return each(f, filter.Exists, filter.Value{}), nil
		case filter.Equal:
			return filter.Not{Of: each(f, filter.Exists, filter.Value{})}, nil
		}
		return nil, wrong(t.pos, "nil has no order; want = or !=")
	}
	v, ok := f.value(t)
	if !ok {
		return nil, wrong(t.pos, "%s; want %s after %s", found(t), f.values(), f.Name)
	}
	if want := f.takes(op, v); want != "" {
		return nil, wrong(t.pos, "%s after %s; want %s", op, f.Name, want)
	}
	if op == filter.Match || op == filter.NotMatch {
		v = filter.TextValue("^(?:" + v.Text + ")$")
	}
	if fault := filter.Check(filter.Comparison{Op: op, Value: v}); fault != "" {
		return nil, wrong(t.pos, "%s", fault)
	}
	return each(f, op, v), nil
}

// each is a comparison of every spelling of a field, of which one has to hold.
func each(f Field, op filter.Op, v filter.Value) filter.Expr {
	var all filter.Or
	for _, c := range f.Keys {
		if f.Root {
			c.Key = f.key
		}
		c.Op, c.Value = op, v
		all = append(all, c)
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// value reads a value of the field, or reports that it is none.
func (f Field) value(t token) (filter.Value, bool) {
	if t.class == quoted {
		return filter.TextValue(t.text), f.sort == attribute || f.sort == text || f.sort == identity
	}
	if t.class != word {
		return filter.Value{}, false
	}
	v := filter.WordValue(t.text)
	switch f.sort {
	case attribute:
		return v, v.Kind == filter.Number || v.Kind == filter.Bool
	case length:
		return v, v.Kind == filter.Duration && v.Duration >= 0
	case enumeration:
		return filter.TextValue(v.Text), slices.Contains(f.words, v.Text)
	}
	return v, false
}

// values says what the field's are.
func (f Field) values() string {
	switch f.sort {
	case text:
		return `"text"`
	case identity:
		return `"hex digits"`
	case length:
		return "a duration such as 100ms"
	case enumeration:
		return "one of " + strings.Join(f.words, ", ")
	}
	return `"text", a number, true, false or nil`
}

// takes says which operators would be right, empty if op is.
func (f Field) takes(op filter.Op, v filter.Value) string {
	pattern := op == filter.Match || op == filter.NotMatch
	switch {
	case (f.sort == identity || f.sort == enumeration) && op != filter.Equal && op != filter.NotEqual:
		return "= or !="
	case f.sort == length && pattern:
		return "= != > >= < or <="
	case pattern && v.Kind != filter.Text:
		return `"text" to match`
	}
	return ""
}

// query lifts what is about the whole trace out of the conditions on its spans.
func (p *parser) query(sets []filter.Expr) (Query, error) {
	q := Query{Fields: p.fields}
	for _, set := range sets {
		all, ok := set.(filter.And)
		if !ok {
			all = filter.And{set}
		}
		var own filter.And
		for _, e := range all {
			c, ok := e.(filter.Comparison)
			if !ok || !strings.HasPrefix(c.Key, "\x00") {
				own = append(own, e)
				continue
			}
			if err := q.lift(c); err != nil {
				return q, err
			}
		}
		if err := nested(own); err != nil {
			return q, err
		}
		if len(own) > 0 || len(all) == 0 {
			q.Filters = append(q.Filters, own)
		}
	}
	if len(q.Filters) > maxSets {
		return q, wrong(0, "conditions on %d spans of a trace; want at most %d", len(q.Filters), maxSets)
	}
	return q, nil
}

// lift takes over a condition on the whole trace.
func (q *Query) lift(c filter.Comparison) error {
	if c.Key != traceDuration {
		c.Key = strings.TrimPrefix(c.Key, "\x00")
		root := filter.Comparison{Key: "root", Op: filter.Equal, Value: filter.WordValue("true"), Pos: c.Pos}
		q.Filters = append(q.Filters, filter.And{root, c})
		return nil
	}
	least, most := c.Value.Duration, c.Value.Duration
	switch c.Op {
	case filter.Greater:
		least++
	case filter.Less:
		most--
	case filter.NotEqual:
		return wrong(c.Pos, "!= after traceDuration; want = > >= < or <=")
	}
	if c.Op != filter.Greater && c.Op != filter.GreaterEqual {
		if most <= 0 {
			return wrong(c.Pos, "no trace is as short; want more than 0")
		}
		if q.MaxDuration == 0 || most < q.MaxDuration {
			q.MaxDuration = most
		}
	}
	if c.Op != filter.Less && c.Op != filter.LessEqual {
		q.MinDuration = max(q.MinDuration, min(least, time.Duration(1<<62)))
	}
	return nil
}

// nested refuses conditions on the whole trace inside others.
func nested(e filter.Expr) error {
	var of []filter.Expr
	switch e := e.(type) {
	case filter.And:
		of = e
	case filter.Or:
		of = e
	case filter.Not:
		of = []filter.Expr{e.Of}
	case filter.Comparison:
		if strings.HasPrefix(e.Key, "\x00") {
			return wrong(e.Pos, "a condition on the whole trace stands under || or !; want it beside the others, with &&")
		}
	}
	for _, one := range of {
		if err := nested(one); err != nil {
			return err
		}
	}
	return nil
}
