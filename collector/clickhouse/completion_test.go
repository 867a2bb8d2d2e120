package clickhouse

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestCompletionOnTheEngine(t *testing.T) {
	s := openMigrated(t)
	at := time.Now().UTC().Add(-time.Minute)
	storeSpans(t, s, at, 12)
	row := LogRow{Time: at, Workload: Workload{Service: "cart"}, Severity: "ERROR", Hop: Hop{GRPCStatus: -1}}
	row.Strings.Add("customer.id", "c-1")
	if err := s.InsertLogs(t.Context(), "logs", []LogRow{row}); err != nil {
		t.Fatal(err)
	}
	texts := func(found []signal.Completion, err error) []string {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		var all []string
		for _, c := range found {
			all = append(all, c.Text)
		}
		return all
	}
	for typed, want := range map[string][]string{
		"se":      {"service", "service.instance.id", "service.name", "service.namespace"},
		"CUST":    {"customer"},
		"db.":     {"db.cached", "db.rows"},
		"host":    {"host.name"},
		"peer.v":  {"peer.version", "sightline.peer.version"},
		"nothing": nil,
	} {
		got := texts(s.CompleteKeys(t.Context(), signal.CompletionQuery{Of: signal.OfSpans, Typed: typed, Limit: 4}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("key %q (-want +got):\n%s", typed, diff)
		}
	}
	for _, tt := range []struct {
		key, typed string
		want       []string
	}{
		{"service", "", []string{"cart", "web"}},
		{"service.name", "W", []string{"web"}},
		{"code", "", []string{"200", "503"}},
		{"kind", "", []string{"internal", "server"}},
		{"customer", "-1", []string{"c-1", "c-10", "c-11"}},
		{"span.customer", "c-10", []string{"c-10"}},
		{"resource.customer", "", nil},
		{"host.name", "3", []string{"node-3"}},
		{"db.cached", "", []string{"false", "true"}},
		{"db.rows", "11", []string{"11"}},
		{"no such 'key", "", nil},
	} {
		got := texts(s.CompleteValues(t.Context(), tt.key, signal.CompletionQuery{Of: signal.OfSpans, Typed: tt.typed}))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("value of %s, %q (-want +got):\n%s", tt.key, tt.typed, diff)
		}
	}
	logs := signal.CompletionQuery{Of: signal.OfLogs, Typed: "e"}
	if got := texts(s.CompleteValues(t.Context(), "severity", logs)); !cmp.Equal(got, []string{"ERROR"}) {
		t.Errorf("severities of logs: %v", got)
	}
	logs.Typed = "customer.id"
	if got := texts(s.CompleteKeys(t.Context(), logs)); !cmp.Equal(got, []string{"customer.id"}) {
		t.Errorf("keys of logs: %v", got)
	}
	logs.Typed, logs.End = "customer.id", at.Add(-time.Hour)
	if got := texts(s.CompleteKeys(t.Context(), logs)); got != nil {
		t.Errorf("keys of another time: %v", got)
	}
	if _, err := s.CompleteKeys(t.Context(), signal.CompletionQuery{Of: "metrics"}); !errors.Is(err, ErrBadQuery) {
		t.Errorf("completion of metrics: %v, want ErrBadQuery", err)
	}
}

// An attribute that only identifies takes no more room than others, an insert of many rows
// is not looked at whole, and one that is tried again counts once.
func TestAttributesAreBounded(t *testing.T) {
	s := openMigrated(t)
	begin := time.Now().UTC().Truncate(15 * time.Minute).Add(-time.Hour)
	rows := make([]SpanRow, 3000)
	for i := range rows {
		rows[i] = SpanRow{
			TraceID: TraceID{byte(i), byte(i >> 8)}, Workload: Workload{Service: "cart"}, Start: begin.Add(time.Duration(i) * time.Millisecond), Hop: Hop{GRPCStatus: -1},
		}
		rows[i].Strings.Add("order", "o-"+strconv.Itoa(i))
		rows[i].Strings.Add("long", strings.Repeat("x", 257))
		rows[i].Strings.Add("empty", "")
		rows[i].Numbers.Add("rows", float64(i%3))
	}
	for _, token := range []string{"a", "b", "b"} {
		if err := s.InsertSpans(t.Context(), token, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.conn.Exec(t.Context(), "OPTIMIZE TABLE attributes FINAL"); err != nil {
		t.Fatal(err)
	}
	q := signal.CompletionQuery{Of: signal.OfSpans, Start: begin, End: begin.Add(time.Hour), Limit: 1000}
	values := func(key string) int {
		found, err := s.CompleteValues(t.Context(), key, q)
		if err != nil {
			t.Error(err)
		}
		return len(found)
	}
	for key, want := range map[string]int{"order": 100, "rows": 3, "long": 0, "of nobody": 0, "empty": 0} {
		if got := values(key); got != want {
			t.Errorf("%d values of %s, want %d", got, key, want)
		}
	}
	q.Typed = "o-2" // a third of all, and so of those that are kept
	if got := values("order"); got == 0 || got >= 100 {
		t.Errorf("%d values of those that are kept", got)
	}
	q.Typed = "order"
	keys, err := s.CompleteKeys(t.Context(), q)
	if err != nil || len(keys) != 1 || keys[0].Seen < 2*300 || keys[0].Seen > 2*750 { // 500 of each insert, as chance has it
		t.Errorf("%+v, %v", keys, err)
	}
	if n := count(t, s, "SELECT count() FROM attributes"); n != 4 {
		t.Errorf("%d rows", n)
	}
}

// A list of values may be of one service's rows, which is what Grafana asks most, or of
// those that meet any other condition.
func TestValuesOfSomeRows(t *testing.T) {
	s := openMigrated(t)
	begin := time.Now().UTC().Add(-time.Minute)
	for i, service := range []string{"web", "cart", "cart"} {
		row := SpanRow{TraceID: TraceID{byte(i)}, Workload: Workload{Service: service}, Start: begin, Hop: Hop{GRPCStatus: -1}, Duration: time.Duration(i) * time.Millisecond}
		row.Strings.Add("customer", "c-"+strconv.Itoa(i))
		row.Numbers.Add("customer", float64(i))
		if err := s.InsertSpans(t.Context(), strconv.Itoa(i), []SpanRow{row}); err != nil {
			t.Fatal(err)
		}
	}
	equal := func(key string, scope filter.Scope, value string) filter.Expr {
		return filter.Comparison{Key: key, Scope: scope, Op: filter.Equal, Value: filter.TextValue(value)}
	}
	for name, tt := range map[string]struct {
		filters []filter.Expr
		want    string
	}{
		"all":                     {nil, "0 1 2 c-0 c-1 c-2"},
		"a service":               {[]filter.Expr{equal("service.name", filter.Resource, "cart")}, "1 2 c-1 c-2"},
		"a service by a word":     {[]filter.Expr{equal("service", filter.Any, "web")}, "0 c-0"},
		"a condition":             {[]filter.Expr{filter.Comparison{Key: "duration", Op: filter.Greater, Value: filter.DurationValue(1500 * time.Microsecond)}}, "2 c-2"},
		"service and value":       {[]filter.Expr{equal("service", filter.Any, "cart"), equal("customer", filter.Span, "c-1")}, "1 c-1"},
		"an attribute, so called": {[]filter.Expr{equal("service", filter.Span, "cart")}, ""},
	} {
		found, err := s.AttributeValues(t.Context(), ValueQuery{Of: []filter.Comparison{{Key: "customer", Scope: filter.Span}}, Filters: tt.filters})
		var got []string
		for _, v := range found {
			got = append(got, v.Text)
		}
		if strings.Join(got, " ") != tt.want || err != nil {
			t.Errorf("%s: %v (%v), want %s", name, got, err, tt.want)
		}
	}
}

// What the table knows of an attribute is the answer; rows are looked at for one of which
// it knows nothing, and not many.
func TestRowsForValuesAreBounded(t *testing.T) {
	s := openMigrated(t)
	const spans = 400_000
	end := time.Now().UTC().Truncate(time.Hour)
	if err := s.conn.Exec(t.Context(), fillSpans, Param("start", nanos(end.Add(-10*time.Minute))), Param("spans", int64(144*spans)),
		Param("from", uint64(0)), Param("count", uint64(spans))); err != nil {
		t.Fatal(err)
	}
	spansTable, err := completedTable(signal.OfSpans)
	if err != nil {
		t.Fatal(err)
	}
	of := asked{of: []filter.Comparison{{Key: "os"}}}
	w := wanted{"", signal.Window{Start: end.Add(-time.Hour), End: end}, 10}
	found, err := s.values(t.Context(), spansTable, of, w)
	if err != nil || len(found) != 1 || found[0].seen != 0 { // the table does not know how many rows
		t.Errorf("an insert of many rows: %+v, %v", found, err)
	}
	w.typed = "plan"
	if found, err = s.values(t.Context(), spansTable, of, w); err != nil || found != nil {
		t.Errorf("nothing that the table has: %+v, %v", found, err)
	}
	w.typed = ""
	if err := s.conn.Exec(t.Context(), "TRUNCATE TABLE attributes"); err != nil {
		t.Fatal(err)
	}
	for rows, want := range map[int][2]uint64{spans: {spans, spans}, 20_000: {1, spans / 2}} {
		found, err := s.valuesNotKept(t.Context(), spansTable, of, w, reach{rows, time.Minute})
		if err != nil || len(found) != 1 || found[0].Text != "linux" || found[0].seen < want[0] || found[0].seen > want[1] {
			t.Errorf("%d rows: %+v, %v, want of %v rows", rows, found, err, want)
		}
	}
	if found, err := s.valuesNotKept(t.Context(), spansTable, of, w, reach{spans, 0}); err != nil || found != nil {
		t.Errorf("without time: %+v, %v", found, err)
	}
}
