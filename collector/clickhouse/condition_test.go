package clickhouse

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/filter"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// filters are one of each kind of column and operator, and a value that would be a
// statement if it were part of one.
var filters = []string{
	`service = "cart"`, `service != cart`, `version > 2`, `version < "v2"`, `path =~ "^/a"`, `path !~ "^/a"`, `path ~ "É"`, `reason exists`,
	`flags = URX`, `flags != URX`, `flags =~ "U."`, `code >= 500`, `code = "503"`, `code =~ "^5"`, `code exists`,
	`duration > 250ms`, `duration exists`, `status = error`, `kind != server`, `kind =~ "er$"`, `mtls = true`, `mtls exists`, `root = true`,
	`"É"`, `trace_id = ab`, `event.name = exception`,
	`customer = "c-1"`, `customer = c-1`, `db.rows = 17`, `db.cached = false`, `customer != x`, `db.rows > 3`, `customer > "b"`,
	`customer =~ "c.*"`, `customer !~ "c.*"`, `customer ~ C`, `customer exists`,
	`span.customer = x`, `resource.host.name = x`, `resource.pid > 5`, `span.service.name = x`, `resource.service.name = x`, "`odd key'` = \"' OR 1=1 --\"",
	`service = a AND (code < 500 OR NOT customer exists)`,
}

func TestFiltersCompile(t *testing.T) {
	var out strings.Builder
	for _, text := range filters {
		sql, params := compiled(t, spanSchema, text)
		fmt.Fprintf(&out, "%s\n    %s\n", text, sql)
		for _, p := range params {
			if v, ok := p.(driver.NamedValue); ok {
				fmt.Fprintf(&out, "    %s = %T %v\n", v.Name, v.Value, v.Value)
			}
		}
		out.WriteString("\n")
	}
	golden(t, "filters.golden", out.String())
}

// logFilters are those that rows of the table logs have columns of their own for.
var logFilters = []string{
	`"timed out"`, `body ~ "timed out" AND severity = ERROR`, `access = true AND code >= 500`, `duration > 250ms`, `sightline.duration_ms <= 5`,
	`reporter = source`, `server.address = shop AND http.request.body.size > 1000`, `user_agent.original =~ "^curl"`, `sightline.tries ~ refused`,
	`trace_id = ab`, `service = cart AND customer = "c-1"`, `event exists`, `mtls = false`,
}

func TestLogFiltersCompile(t *testing.T) {
	var out strings.Builder
	for _, text := range logFilters {
		sql, _ := compiled(t, logSchema, text)
		fmt.Fprintf(&out, "%s\n    %s\n", text, sql)
	}
	golden(t, "log_filters.golden", out.String())
}

func compiled(t *testing.T, in *schema, text string) (string, []any) {
	t.Helper()
	e, err := filter.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c := condition{schema: in}
	sql, err := c.compile(e)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return sql, c.params
}

func FuzzConditionHoldsNoValue(f *testing.F) {
	f.Add("service", "x' OR 1=1")
	f.Add("cust{omer}", `\`)
	f.Fuzz(func(t *testing.T, key, value string) {
		const mark = "\x01ZZ"
		for _, op := range []filter.Op{filter.Equal, filter.NotEqual, filter.Greater, filter.Match, filter.Contains, filter.Exists} {
			c := condition{schema: spanSchema}
			sql, err := c.compile(filter.Comparison{Key: mark + key, Op: op, Value: filter.TextValue(mark + value)})
			if err == nil && strings.Contains(sql, mark) {
				t.Errorf("%q %s %q is part of the statement %s", key, op, value, sql)
			}
		}
	})
}
