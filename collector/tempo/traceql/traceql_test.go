package traceql

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// written is a query in collector/filter's language, a line for each span.
func written(q Query) string {
	var lines []string
	for _, f := range q.Filters {
		lines = append(lines, f.String())
	}
	if q.MinDuration != 0 {
		lines = append(lines, "min "+q.MinDuration.String())
	}
	if q.MaxDuration != 0 {
		lines = append(lines, "max "+q.MaxDuration.String())
	}
	return strings.Join(lines, "\n")
}

func TestParse(t *testing.T) {
	for query, want := range map[string]string{
		`{}`:        ``,
		` { true }`: ``,
		`{resource.service.name="cart" && span.http.status_code>=500 && duration>100ms && status=error && name="GET /"}`: `resource.service.name = "cart" AND (span.http.status_code >= 500 OR span.http.response.status_code >= 500) AND duration > 100ms AND status = "error" AND name = "GET /"`,
		`{resource.service.name=~"cart|web"}`:                                           `resource.service.name =~ "^(?:cart|web)$"`,
		`{ .customer != "c-1" || span.db.rows < -3 }`:                                   `(span.customer != "c-1" OR resource.customer != "c-1" OR span.db.rows < -3)`,
		`{ (kind=server||span:kind = client) && !(span.cached = true) }`:                `(kind = "server" OR kind = "client") AND NOT span.cached = true`,
		"{span.\"odd key\".x = `a\"b`}":                                                 "span.`odd key.x` = \"a\\\"b\"",
		`{span.customer != nil && .customer = nil}`:                                     `span.customer exists AND NOT (span.customer exists OR resource.customer exists)`,
		`{trace:id="ab" && event:name=~"exc.*" && instrumentation:name="x"}`:            `trace_id = "ab" AND event.name =~ "^(?:exc.*)$" AND scope.name = "x"`,
		`{traceDuration>1s && traceDuration<=2s}`:                                       "min 1.000000001s\nmax 2s",
		`{trace:duration<1s && rootServiceName="web" && rootName=~"GET.*" && name="x"}`: "root = true AND service = \"web\"\nroot = true AND name =~ \"^(?:GET.*)$\"\nname = \"x\"\nmax 999.999999ms",
		`{name="a"} && {name="b"}`:                                                      "name = \"a\"\nname = \"b\"",
		`{name="a"} || {name="b" && status=ok}`:                                         `(name = "a" OR name = "b" AND status = "ok")`,
		`{duration>=1h30m && span.n=1e3 && statusMessage!~"a"}`:                         `duration >= 1h30m AND span.n = 1e3 AND status.message !~ "^(?:a)$"`,
	} {
		q, err := Parse(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := strings.TrimSpace(written(q)); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
	q, err := Parse(`{span.a=1 || span.a=2 && .b="x"}`)
	if err != nil || len(q.Fields) != 2 || q.Fields[0].Name != "span.a" || q.Fields[1].Name != ".b" {
		t.Errorf("fields %v, %v", q.Fields, err)
	}
	if q, _ := Parse(`{traceDuration = 3s}`); q.MinDuration != 3*time.Second || q.MaxDuration != 3*time.Second || len(q.Filters) != 0 {
		t.Errorf("one length: %+v", q)
	}
}

func TestRefusalsSayWhereAndWhatWouldBeRight(t *testing.T) {
	for query, want := range map[string]string{
		``:                                   `at character 1: the query ends here; want { and conditions such as {resource.service.name="cart"}`,
		`{name="a"} | count() > 2`:           `at character 12: unexpected |; want && or || and braces`,
		`{name="a"} | rate()`:                `at character 12: unexpected |`,
		`{name="a"} >> {name="b"}`:           `at character 12: unexpected >>; want && or ||`,
		`{name="a"} && {} || {}`:             `at character 18: unexpected ||; want && or || and braces, no more than 8 and not both`,
		`{span.a + 1 = 2}`:                   `at character 9: unexpected +; want = != > >= < <= =~ !~ after span.a`,
		`{500 = span.a}`:                     `at character 2: unknown field "500"; want an attribute after span., resource. or a dot, or one of duration,`,
		`{parent.a = 1}`:                     `at character 2: unknown field "parent.a"`,
		`{span. = 1}`:                        `at character 2: unknown field "span."`,
		`{span.a = span.b}`:                  `at character 11: unexpected span.b; want "text", a number, true, false or nil after span.a`,
		`{span.a > nil}`:                     `at character 11: nil has no order; want = or !=`,
		`{span.a > true}`:                    `at character 11: true and false have no order`,
		`{span.a =~ "("}`:                    `at character 12: not a regular expression`,
		`{span.a =~ 5}`:                      `at character 12: =~ after span.a; want "text" to match`,
		`{duration = 5}`:                     `at character 13: unexpected 5; want a duration such as 100ms after duration`,
		`{duration =~ 5s}`:                   `at character 14: =~ after duration; want = != > >= < or <=`,
		`{status = broken}`:                  `at character 11: unexpected broken; want one of error, ok, unset after status`,
		`{status > error}`:                   `at character 11: > after status; want = or !=`,
		`{name = cart}`:                      `at character 9: unexpected cart; want "text" after name`,
		`{name = "cart}`:                     `at character 9: text that does not end`,
		`{name = "a"`:                        `at character 12: the query ends here; want &&, || or }`,
		`{(name = "a"}`:                      `at character 13: the parenthesis opened at character 2 is not closed; want )`,
		`{traceDuration > 1s || name="a"}`:   `at character 2: a condition on the whole trace stands under || or !`,
		`{!(rootName = "a")}`:                `at character 4: a condition on the whole trace stands under || or !`,
		`{traceDuration < 0s}`:               `at character 2: no trace is as short; want more than 0`,
		`{traceDuration != 1s}`:              `at character 2: != after traceDuration`,
		"{name = \"\xff\"}":                  `at character 10: not UTF-8`,
		`{` + strings.Repeat("(", 40):        `at character 35: nested deeper than 32`,
		strings.Repeat(`{} && `, 8) + `{}`:   `at character 46: unexpected &&; want && or || and braces, no more than 8`,
		`{name="` + strings.Repeat("x", 5e3): `at character 4097: the query is longer than 4096 bytes`,
	} {
		_, err := Parse(query)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60s: got %v\nwant %s", query, err, want)
		}
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%.60s: %T, want *Error", query, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{resource.service.name="cart" && span.http.status_code>=500 && (duration>100ms || status=error)} && {name=~"a.*"}`,
		"{span.\"a b\" != nil || !(.c = `x`)}", `{traceDuration>1s} || {}`, `{"`, `{span."\x`, `{rootName!="a"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := Parse(query)
		if err != nil {
			if at, ok := errors.AsType[*Error](err); !ok || at.Pos < 0 || at.Pos > len(query) {
				t.Fatalf("%q: error without a place in it: %v", query, err)
			}
			return
		}
		for _, e := range q.Filters {
			if strings.Contains(e.String(), "\x00duration") && !strings.Contains(query, "\x00") {
				t.Fatalf("%q: a condition on the trace is left: %s", query, e)
			}
		}
	})
}
