package filter

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func eq(key string, v Value) Comparison { return Comparison{Key: key, Op: Equal, Value: v} }

func TestParse(t *testing.T) {
	a, b, c := eq("a", WordValue("x")), eq("b", NumberValue(1)), eq("c", TextValue("z"))
	for text, want := range map[string]Expr{
		`service = "cart"`:                     eq("service", TextValue("cart")),
		`service == cart`:                      eq("service", WordValue("cart")),
		`code>=500`:                            Comparison{Key: "code", Op: GreaterEqual, Value: NumberValue(500)},
		`duration > 250ms`:                     Comparison{Key: "duration", Op: Greater, Value: Value{Kind: Duration, Text: "250ms", Duration: 250 * time.Millisecond}},
		`mtls != true`:                         Comparison{Key: "mtls", Op: NotEqual, Value: Value{Kind: Bool, Text: "true", Bool: true}},
		`span.a = x`:                           Comparison{Key: "a", Scope: Span, Op: Equal, Value: WordValue("x")},
		"resource.`k 1` exists":                Comparison{Key: "k 1", Scope: Resource, Op: Exists},
		"`span.a` = x":                         eq("span.a", WordValue("x")),
		`path =~ "^/a(b|c)$"`:                  Comparison{Key: "path", Op: Match, Value: TextValue("^/a(b|c)$")},
		`path !~ /health`:                      Comparison{Key: "path", Op: NotMatch, Value: WordValue("/health")},
		`path ~ "a b"`:                         Comparison{Key: "path", Op: Contains, Value: TextValue("a b")},
		`a = x AND b = 1 OR c = "z"`:           Or{And{a, b}, c},
		`a = x and (b = 1 or c = "z")`:         And{a, Or{b, c}},
		`a = x && b = 1 && c = "z"`:            And{a, b, c},
		`NOT a = x AND b = 1`:                  And{Not{a}, b},
		`!(a = x || b = 1)`:                    Not{Or{a, b}},
		`not not a = x`:                        Not{Not{a}},
		`"timed out"`:                          Comparison{Op: Contains, Value: TextValue("timed out")},
		`NOT "x" AND a = x`:                    And{Not{Comparison{Op: Contains, Value: TextValue("x")}}, a},
		`a = "\"q\"\n"`:                        eq("a", TextValue("\"q\"\n")),
		`a = Inf`:                              eq("a", Value{Kind: Word, Text: "Inf"}),
		`a = -1.5e3`:                           eq("a", Value{Kind: Number, Text: "-1.5e3", Number: -1500}),
		`a = 2026-03-01T12:00:00Z`:             eq("a", Value{Kind: Word, Text: "2026-03-01T12:00:00Z"}),
		`a = spiffe://mesh.local/ns/shop/sa/x`: eq("a", Value{Kind: Word, Text: "spiffe://mesh.local/ns/shop/sa/x"}),
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Comparison{}, "Pos")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		again, err := Parse(got.String())
		if err != nil || again.String() != got.String() {
			t.Errorf("%s is written %s, which reads as %v, %v", text, got, again, err)
		}
	}
}

func TestErrorsSayWhereAndWhatWouldBeRight(t *testing.T) {
	for text, want := range map[string]string{
		``:                      `at character 1: want a comparison such as service = "cart", "text", NOT or (; the expression ends here`,
		`service`:               `at character 8: want = != > >= < <= =~ !~ ~ or exists after service, or "service" for the text; the expression ends here`,
		`service = `:            `at character 11: want a value after =: "text", a number, a duration, true or false; the expression ends here`,
		`a = 1 b = 2`:           `at character 7: unexpected "b"; want AND, OR or the end`,
		`(a = 1`:                `at character 7: the parenthesis opened at character 1 is not closed; want )`,
		`a = 1)`:                `at character 6: unexpected ")"; want AND, OR or the end`,
		`a = 1 AND`:             `at character 10: want a comparison such as service = "cart", "text", NOT or (; the expression ends here`,
		`a = "x`:                `at character 5: text that does not end, or with an unknown escape; want "text", with \" and \\ inside it`,
		`a =~ "("`:              "at character 6: not a regular expression: error parsing regexp: missing closing ): `(`; want RE2 syntax",
		`a > true`:              `at character 5: true and false have no order; want = or !=`,
		`a ; 1`:                 `at character 3: unexpected ';'; text with such characters stands in "quotes", a key in ` + "`backquotes`",
		"`` = 1":                "at character 1: a key in backquotes that does not end or is empty; want `key`",
		"span. = 1":             "at character 7: want a key after span.",
		"a = \xff":              "at character 5: not UTF-8",
		`"a" = 1`:               `at character 5: unexpected "="; want AND, OR or the end`,
		strings.Repeat("(", 40): "at character 34: nested deeper than 32",
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", text, err, want)
		}
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%q: %T, want *Error", text, err)
		}
	}
	for name, text := range map[string]string{
		"length": "a = " + strings.Repeat("x", MaxLength), "comparisons": "a = 1" + strings.Repeat(" AND a = 1", MaxComparisons),
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s has no bound", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`service = "cart" AND duration > 250ms AND NOT (http.route =~ "^/health" OR code < 500)`,
		"span.`a b` exists || resource.c !~ \"\\\"x\" && !d ~ 1.5e3", `a==b`, "((", "`", `"\x`, "span.",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			if at, ok := errors.AsType[*Error](err); !ok || at.Pos < 0 || at.Pos > len(text) {
				t.Fatalf("%q: error without a place in it: %v", text, err)
			}
			return
		}
		written := e.String()
		if len(written) > MaxLength { // escapes may make it longer than it was
			return
		}
		again, err := Parse(written)
		if err != nil || again.String() != written {
			t.Fatalf("%q is written %q, which reads as %v, %v", text, written, again, err)
		}
	})
}
