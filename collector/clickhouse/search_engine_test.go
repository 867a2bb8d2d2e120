package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// storeSpans stores so many traces of two spans, a second apart, the newest last.
func storeSpans(t testing.TB, s *Store, newest time.Time, traces int) {
	t.Helper()
	var rows []SpanRow
	for i := range traces {
		at := newest.Add(-time.Duration(traces-1-i) * time.Second)
		entry := SpanRow{
			TraceID: TraceID{0: 0xab, 14: byte(i >> 8), 15: byte(i)}, SpanID: SpanID{7: 1}, Name: "GET /cart", Kind: "server",
			Workload: Workload{Service: "web", Version: "v1"}, Mesh: true, Start: at, Duration: time.Duration(i) * time.Millisecond,
			Status: "unset",
			Hop:    Hop{Peer: "cart", Method: "GET", Path: fmt.Sprintf("/cart/%d", i), Status: 200, GRPCStatus: -1, MTLS: i%2 == 0, RequestID: fmt.Sprintf("req-%d", i)},
		}
		if i%10 == 3 {
			entry.Hop.Status, entry.Flags, entry.Status, entry.Failed = 503, "UF,URX", "error", true
		}
		inner := SpanRow{
			TraceID: entry.TraceID, SpanID: SpanID{7: 2}, ParentID: entry.SpanID, Name: "select", Kind: "internal",
			Workload: Workload{Service: "cart"}, Start: at.Add(time.Millisecond), Duration: time.Millisecond, Status: "ok",
			Hop: Hop{GRPCStatus: -1}, EventTimes: []time.Time{at}, EventNames: []string{fmt.Sprintf("event-%d", i)}, EventAttributes: []map[string]string{{}},
		}
		inner.Strings.Add("customer", fmt.Sprintf("c-%d", i))
		inner.Strings.Add("size", strconv.Itoa(i*10))
		inner.Numbers.Add("db.rows", float64(i))
		inner.Bools.Add("db.cached", i%3 == 0)
		inner.Resource.Add("host.name", fmt.Sprintf("node-%d", i%4))
		rows = append(rows, entry, inner)
	}
	if err := s.InsertSpans(t.Context(), fmt.Sprint("spans ", newest), rows); err != nil {
		t.Fatal(err)
	}
}

func TestFilterOnTheEngine(t *testing.T) {
	s := openMigrated(t)
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	storeSpans(t, s, at, 12)
	for text, want := range map[string][]int{
		`service = cart`:                                {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
		`service = web AND customer exists`:             nil, // not in one span
		`service != cart AND code = 503`:                {3},
		`code >= 500 AND flags = URX`:                   {3},
		`code =~ "^5"`:                                  {3},
		`flags exists`:                                  {3},
		`flags != UF`:                                   nil,
		`duration >= 10ms`:                              {11, 10},
		`duration = 4ms`:                                {4},
		`status = error`:                                {3},
		`kind = server AND mtls = false AND code<300`:   {11, 9, 7, 5, 1},
		`mtls exists AND service = cart`:                nil,
		`path =~ "/[12]$"`:                              {2, 1},
		`path !~ "/.$"`:                                 {11, 10},
		`path ~ "CART/7"`:                               {7},
		`customer = c-4`:                                {4},
		`customer != c-4 AND db.rows<6 AND db.rows > 3`: {5},
		`db.rows = 7`:                                   {7},
		`db.rows =~ "^1"`:                               {11, 10, 1},
		`size = 70`:                                     {7}, // text that looks so
		`size > 85`:                                     {11, 10, 9},
		`size != 70 AND size > 60`:                      {11, 10, 9, 8},
		`db.cached = true`:                              {9, 6, 3, 0},
		`db.cached exists AND NOT db.cached = true`:     {11, 10, 8, 7, 5, 4, 2, 1},
		`customer > "c-7"`:                              {9, 8},
		`resource.host.name = node-3`:                   {11, 7, 3},
		`span.host.name = node-3`:                       nil,
		`host.name ~ NODE-1`:                            {9, 5, 1},
		`NOT customer exists AND root = true AND duration < 2ms`: {1, 0},
		`root = false AND db.rows < 1`:                           {0},
		`event.name = event-5`:                                   {5},
		`"CART/7" OR "req-8"`:                                    {8, 7},
		`"eq-8"`:                                                 nil, // of an identifier only the whole
		`trace_id = ab000000000000000000000000000006`:            {6},
		`request_id = req-8 OR customer = c-1`:                   {8, 1},
		`customer = "' OR 1=1 --"`:                               nil,
		"`never {there}` = x OR `a'b` exists":                    nil,
		`NOT never.there > 5 AND customer = c-2`:                 {2},
		`version = v1 AND version > 0`:                           nil,
	} {
		page, err := s.SearchTraces(t.Context(), signal.TraceQuery{Filter: text})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, ids(page.Traces)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	t.Run("several spans", func(t *testing.T) {
		both := []filter.Expr{compare("code", filter.Equal, filter.NumberValue(503)), compare("customer", filter.Exists, filter.Value{})}
		page, err := s.FindTraces(t.Context(), TraceSearch{Filters: both})
		if diff := cmp.Diff([]int{3}, ids(page.Traces)); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("pages", func(t *testing.T) {
		q := signal.TraceQuery{Filter: `db.rows >= 0`, Limit: 5}
		var all []int
		for range 4 {
			page, err := s.SearchTraces(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ids(page.Traces)...)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff([]int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, all); diff != "" {
			t.Errorf("traces (-want +got):\n%s", diff)
		}
	})
	t.Run("every filter is a statement that the engine takes", func(t *testing.T) {
		for _, text := range filters {
			if _, err := s.SearchTraces(t.Context(), signal.TraceQuery{Filter: text}); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}

func ids(found []signal.TraceSummary) []int {
	var all []int
	for _, f := range found {
		var n int
		_, _ = fmt.Sscanf(f.TraceID[28:], "%x", &n)
		all = append(all, n)
	}
	return all
}

func TestLogFilterOnTheEngine(t *testing.T) {
	s := openMigrated(t)
	at := time.Now().UTC().Add(-time.Minute)
	var rows []LogRow
	for i := range 4 {
		row := LogRow{Time: at.Add(time.Duration(i) * time.Second), Workload: Workload{Service: "cart"}, Severity: "INFO", Body: fmt.Sprintf("line %d", i), Hop: Hop{GRPCStatus: -1}}
		if i == 2 {
			row.Access, row.Body, row.Status, row.DurationMS, row.Reporter = true, "", 503, 300, signal.Source
		}
		row.Strings.Add("customer", fmt.Sprintf("c-%d", i))
		rows = append(rows, row)
	}
	if err := s.InsertLogs(t.Context(), "logs", rows); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"": 4, `customer = c-1`: 1, `body ~ LINE`: 3, `code >= 500 AND duration > 250ms AND reporter = source`: 1,
		`"LINE" AND NOT "line 3"`: 2, `NOT access = true AND body =~ "[01]$"`: 2, `severity = ERROR`: 0,
	} {
		got, err := s.Logs(t.Context(), signal.LogQuery{Filter: text})
		if err != nil || len(got.Logs) != want {
			t.Errorf("%s: %d rows, %v; want %d", text, len(got.Logs), err, want)
		}
	}
	for _, text := range logFilters {
		if _, err := s.Logs(t.Context(), signal.LogQuery{Filter: text}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := s.Logs(t.Context(), signal.LogQuery{Filter: "body"}); !errors.Is(err, ErrBadQuery) {
		t.Errorf("half a filter: %v, want ErrBadQuery", err)
	}
}

// TestFiltersUseTheIndexes reads the engine's plan: which indexes drop granules.
func TestFiltersUseTheIndexes(t *testing.T) {
	s := openMigrated(t)
	storeSpans(t, s, time.Now().UTC().Add(-time.Minute), 10)
	for text, want := range map[string][]string{
		`service = web`:                      {"PrimaryKey", "by_service"},
		`service = nobody AND code = 503`:    {"by_service"},
		`duration > 1h`:                      {"by_duration"},
		`request_id = "req-77"`:              {"by_request"},
		`trace_id = cd`:                      {"by_trace"},
		`customer = "c-77"`:                  {"by_value", "by_resource"},
		`span.customer = "c-77"`:             {"by_value"},
		`span.customer exists`:               {"by_key", "by_number", "by_bool"},
		`nobody > 5`:                         {"by_key", "by_number", "by_resource_key"},
		`service = web AND customer = "x"`:   {"by_service", "by_value"},
		`request_id = a OR customer = "c-z"`: {"by_request", "by_value"},
	} {
		sql, params := compiled(t, spanSchema, text)
		statement := "EXPLAIN indexes = 1 WITH toDateTime64(0, 9, 'UTC') AS since, now64(9) AS until " +
			strings.ReplaceAll(tracesOfSpans, "{{filter}}", sql)
		lines, err := collect(t.Context(), s, statement, one[string], params)
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(lines, "\n")
		for _, index := range want {
			if !strings.Contains(plan, index) {
				t.Errorf("%s does not use %s:\n%s", text, index, plan)
			}
		}
	}
}

func TestSearchEndsWithItsCallerAndItsBudget(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC()
	storeSpans(t, s, now.Add(-10*time.Second), 5)
	// Of another partition: merges keep them apart. The traces' ids are the same: what is
	// searched until the budget ends must not reach the days on which these began.
	storeSpans(t, s, now.Add(-96*time.Hour), 1000)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.SearchTraces(gone, signal.TraceQuery{}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBudget) {
		t.Errorf("the caller went away: %v", err)
	}

	s.cfg.QueryRows = 1000
	s.spreads.spread = spread{asked: time.Now()} // nor is it known how many there are: it begins with a minute
	page, err := s.SearchTraces(t.Context(), signal.TraceQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Traces) != 5 || !strings.HasPrefix(page.Partial, "searched back to ") {
		t.Errorf("%d traces, partial %q; want the 5 newest and why not more", len(page.Traces), page.Partial)
	}
	s.cfg.QueryRows = 1
	if _, err := s.SearchTraces(t.Context(), signal.TraceQuery{End: now.Add(-4 * time.Hour)}); !errors.Is(err, ErrBudget) {
		t.Errorf("nothing found within the budget: %v, want ErrBudget", err)
	}
}
