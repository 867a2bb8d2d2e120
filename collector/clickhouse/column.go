package clickhouse

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/collector/filter"
)

// promoted is an attribute that has a column of its own.
type promoted struct {
	kind    string // of the values
	value   string // SQL
	present string // SQL: rows that have it
	compare comparer
}

// comparer compiles a comparison, or says what would be right instead.
type comparer func(c *condition, e filter.Comparison) (sql, want string)

// always is of what every row has.
const always = "1"

// The types of what attributes are, as AttributeValue has them.
const (
	textKind   = "string"
	numberKind = "number"
	boolKind   = "bool"
)

// textColumn holds text; a row without a value has an empty one.
func textColumn(sql string) promoted {
	present := sql + " != ''"
	return promoted{textKind, sql, present, func(c *condition, e filter.Comparison) (string, string) {
		switch e.Op {
		case filter.Exists:
			return present, ""
		case filter.Equal:
			return sql + " = " + c.text(e.Value.Text), ""
		case filter.NotEqual:
			return "(" + present + " AND " + sql + " != " + c.text(e.Value.Text) + ")", ""
		}
		if e.Op.Ordered() {
			if e.Value.Kind == filter.Number {
				return "ifNull(toFloat64OrNull(toString(" + sql + ")) " + string(e.Op) + " " + c.param(e.Value.Number, "Float64") + ", 0)", ""
			}
			return "(" + present + " AND " + sql + " " + string(e.Op) + " " + c.text(e.Value.Text) + ")", ""
		}
		return c.searched(sql, present, e), ""
	}}
}

// searched is what regular expressions and parts of text are compared by.
func (c *condition) searched(sql, present string, e filter.Comparison) string {
	value, not := c.text(e.Value.Text), ""
	ask := matches(value)
	switch e.Op {
	case filter.Contains:
		ask = contains(value)
	case filter.NotMatch:
		not = "NOT "
	}
	if present == "" {
		return not + ask(sql)
	}
	return "(" + present + " AND " + not + ask(sql) + ")"
}

// listColumn holds words with commas between them; one of them is enough to be equal.
func listColumn(sql string) promoted {
	plain, present := textColumn(sql), sql+" != ''"
	return promoted{textKind, sql, present, func(c *condition, e filter.Comparison) (string, string) {
		if e.Op != filter.Equal && e.Op != filter.NotEqual {
			return plain.compare(c, e)
		}
		value := c.text(e.Value.Text)
		equal := "(" + sql + " = " + value + " OR has(splitByChar(',', toString(" + sql + ")), " + value + "))"
		if e.Op == filter.Equal {
			return equal, ""
		}
		return "(" + present + " AND NOT " + equal + ")", ""
	}}
}

// numberColumn holds numbers; present tells a 0 that was said from none.
func numberColumn(sql, present string) promoted {
	return promoted{numberKind, sql, present, func(c *condition, e filter.Comparison) (string, string) {
		switch e.Op {
		case filter.Exists:
			return present, ""
		case filter.Match, filter.NotMatch, filter.Contains:
			return c.searched("toString("+sql+")", present, e), ""
		}
		n := e.Value.Number
		if e.Value.Kind != filter.Number {
			var err error
			if n, err = strconv.ParseFloat(e.Value.Text, 64); err != nil {
				return "", "a number such as 503"
			}
		}
		return "(" + present + " AND " + sql + " " + string(e.Op) + " " + c.param(n, "Float64") + ")", ""
	}}
}

// durationColumn holds nanoseconds.
func durationColumn(sql string) promoted {
	return promoted{numberKind, sql, always, func(c *condition, e filter.Comparison) (string, string) {
		switch {
		case e.Op == filter.Exists:
			return "1", ""
		case e.Value.Kind != filter.Duration || e.Value.Duration < 0 || !e.Op.Ordered() && e.Op != filter.Equal && e.Op != filter.NotEqual:
			return "", "a duration such as 250ms or 1.5s, with = != > >= < or <="
		}
		return sql + " " + string(e.Op) + " " + c.param(uint64(e.Value.Duration), "UInt64"), ""
	}}
}

// millisColumn holds milliseconds, of rows that are present.
func millisColumn(sql, present string) promoted {
	return promoted{numberKind, sql, present, func(c *condition, e filter.Comparison) (string, string) {
		n := float64(e.Value.Duration.Nanoseconds()) / 1e6
		switch {
		case e.Op == filter.Exists:
			return present, ""
		case e.Value.Kind == filter.Number:
			n = e.Value.Number
		case e.Value.Kind != filter.Duration:
			return "", "a duration such as 250ms"
		}
		if !e.Op.Ordered() && e.Op != filter.Equal && e.Op != filter.NotEqual || math.IsInf(n, 0) {
			return "", "a duration such as 250ms, with = != > >= < or <="
		}
		return "(" + present + " AND " + sql + " " + string(e.Op) + " " + c.param(n, "Float64") + ")", ""
	}}
}

// wordColumn is an enumeration.
func wordColumn(sql string, words ...string) promoted {
	return promoted{textKind, sql, always, func(c *condition, e filter.Comparison) (string, string) {
		switch e.Op {
		case filter.Exists:
			return "1", ""
		case filter.Equal, filter.NotEqual:
			value := strings.ToLower(e.Value.Text)
			if slices.Contains(words, value) {
				return sql + " " + string(e.Op) + " " + c.text(value), ""
			}
			return "", "one of " + strings.Join(words, ", ")
		case filter.Match, filter.NotMatch, filter.Contains:
			return c.searched("toString("+sql+")", "", e), ""
		}
		return "", "= or !=: it has no order"
	}}
}

// truthColumn is a boolean, said by rows that are present.
func truthColumn(sql, present string) promoted {
	return promoted{boolKind, sql, present, func(c *condition, e filter.Comparison) (string, string) {
		if e.Op == filter.Exists {
			return present, ""
		}
		if e.Value.Kind != filter.Bool && e.Value.Text != "true" && e.Value.Text != "false" ||
			e.Op != filter.Equal && e.Op != filter.NotEqual {
			return "", "true or false, with = or !="
		}
		return "(" + present + " AND " + sql + " " + string(e.Op) + " " + c.param(e.Value.Text == "true", "Bool") + ")", ""
	}}
}

// idColumn holds an identifier of so many bytes, written in hex.
func idColumn(sql string, bytes int) promoted {
	return promoted{textKind, sql, always, func(c *condition, e filter.Comparison) (string, string) {
		id, ok := hexID(e.Value.Text, bytes)
		if !ok || e.Op != filter.Equal && e.Op != filter.NotEqual {
			return "", strconv.Itoa(2*bytes) + " hex digits, with = or !="
		}
		return sql + " " + string(e.Op) + " toFixedString(unhex(" + c.text(id) + "), " + strconv.Itoa(bytes) + ")", ""
	}}
}
