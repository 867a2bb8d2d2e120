package filter

import (
	"strconv"
	"strings"
	"time"
)

// Expr is a condition: an And, an Or, a Not or a Comparison.
type Expr interface {
	// String is the condition in the language, as Parse reads it.
	String() string
	precedence() int
}

// And holds when all of its conditions hold; an empty one always does.
type And []Expr

// Or holds when one of its conditions does; an empty one never does.
type Or []Expr

// Not holds when its condition does not.
type Not struct{ Of Expr }

// Comparison asks for the value of one attribute.
type Comparison struct {
	Key   string // empty, with Contains: the text may be wherever people read text
	Scope Scope
	Op    Op
	Value Value // zero for Exists
	Pos   int   // byte offset of the key in the text it came from
}

// Scope is where an attribute is looked for.
type Scope string

// The scopes; Any is where a key without one is looked for.
const (
	Any      Scope = ""
	Span     Scope = "span"
	Resource Scope = "resource"
)

// Op is an operator, spelled as in the language.
type Op string

// The operators. In the language, Contains is ~: text that holds other text, whatever
// the case of its letters.
const (
	Equal        Op = "="
	NotEqual     Op = "!="
	Greater      Op = ">"
	GreaterEqual Op = ">="
	Less         Op = "<"
	LessEqual    Op = "<="
	Match        Op = "=~"
	NotMatch     Op = "!~"
	Contains     Op = "~"
	Exists       Op = "exists"
)

// Ordered reports whether the operator asks which value is greater.
func (o Op) Ordered() bool {
	return o == Greater || o == GreaterEqual || o == Less || o == LessEqual
}

// Kind is the type of a value.
type Kind int

// The kinds. A Word is text that was not quoted: it matches whatever is spelled so.
const (
	None Kind = iota
	Text
	Word
	Number
	Bool
	Duration
)

// Value is a constant with its type.
type Value struct {
	Kind     Kind
	Text     string // as written, without quotes; of every kind
	Number   float64
	Bool     bool
	Duration time.Duration
}

// TextValue is quoted text.
func TextValue(s string) Value { return Value{Kind: Text, Text: s} }

// DurationValue is a length of time.
func DurationValue(d time.Duration) Value {
	return Value{Kind: Duration, Text: d.String(), Duration: d}
}

// NumberValue is a number.
func NumberValue(n float64) Value {
	return Value{Kind: Number, Text: strconv.FormatFloat(n, 'g', -1, 64), Number: n}
}

// WordValue is a bare word, of the kind that it looks like.
func WordValue(s string) Value {
	v := Value{Kind: Word, Text: s}
	switch s {
	case "true", "false":
		v.Kind, v.Bool = Bool, s == "true"
		return v
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && numeric(s) {
		v.Kind, v.Number = Number, n
		return v
	}
	if d, err := time.ParseDuration(s); err == nil {
		v.Kind, v.Duration = Duration, d
	}
	return v
}

// numeric leaves out what strconv takes for a number but a person would not, such as
// "Inf" and "0x1p-2".
func numeric(s string) bool { return strings.Trim(s, "0123456789+-.eE") == "" }

// String writes the conditions with AND between them.
func (a And) String() string { return join(a, " AND ", a.precedence()) }

// String writes the conditions with OR between them.
func (o Or) String() string { return join(o, " OR ", o.precedence()) }

// String writes NOT before the condition.
func (n Not) String() string { return "NOT " + inside(n.Of, n.precedence()) }

// String writes key, operator and value.
func (c Comparison) String() string {
	if c.anywhere() {
		return c.Value.String()
	}
	key := c.Key
	if !bareKey(key) {
		key = "`" + strings.ReplaceAll(key, "`", "") + "`"
	}
	if c.Scope != Any {
		key = string(c.Scope) + "." + key
	}
	if c.Op == Exists {
		return key + " exists"
	}
	return key + " " + string(c.Op) + " " + c.Value.String()
}

func (c Comparison) anywhere() bool { return c.Key == "" && c.Op == Contains }

// String is the value as the language has it.
func (v Value) String() string {
	if v.Kind == Text || !bareValue(v.Text) {
		return strconv.Quote(v.Text)
	}
	return v.Text
}

func (And) precedence() int        { return 2 }
func (Or) precedence() int         { return 1 }
func (Not) precedence() int        { return 3 }
func (Comparison) precedence() int { return 4 }

func join[E ~[]Expr](of E, word string, precedence int) string {
	parts := make([]string, len(of))
	for i, e := range of {
		parts[i] = inside(e, precedence)
	}
	return strings.Join(parts, word)
}

// inside puts what binds less tightly into parentheses.
func inside(e Expr, precedence int) string {
	if e.precedence() < precedence {
		return "(" + e.String() + ")"
	}
	return e.String()
}
