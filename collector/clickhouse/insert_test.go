package clickhouse

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestColumnsInWhichNothingIsSetAreLeftOut(t *testing.T) {
	rows := []SpanRow{
		{Kind: "server", Status: "unset", Start: time.Now(), Hop: Hop{GRPCStatus: -1}},
		{Kind: "server", Status: "unset", Start: time.Now(), Hop: Hop{GRPCStatus: -1, Peer: "orders"}},
	}
	rows[1].Numbers.Add("n", 1)
	columns := said([]*Block[SpanRow]{blockOf(spans(), rows[:1]), blockOf(spans(), rows[1:])})
	statement, err := spans().filling(columns)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range columns {
		names = append(names, spans().columns[c].name)
	}
	want := []string{"trace_id", "span_id", "parent_id", "kind", "start", "status", "peer", "grpc_status", "numbers"}
	if !slices.Equal(names, want) {
		t.Errorf("columns %q", names)
	}
	if want := "INSERT INTO spans_by_time (" + strings.Join(want, ", ") + ")"; statement != want {
		t.Errorf("statement %q, want %q", statement, want)
	}
}

func TestColumnsHaveTypesAndStandInTheStatementsOrder(t *testing.T) {
	check(t, spansTable())
	check(t, logsTable())
	check(t, redTable())
	check(t, seriesTable())
	check(t, samplesTable())
	check(t, histogramsTable())
	check(t, exemplarsTable())
	check(t, metadataTable())
}

func check[R any](t *testing.T, table *table[R]) {
	t.Helper()
	_, list, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(table.statement), ")"), "(")
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	for i, c := range table.columns {
		if i >= len(names) || names[i] != c.name {
			t.Fatalf("%s: column %d is %s in the code, %q in the statement", table.name, i, c.name, names)
		}
		if c.wire == "" || strings.Contains(c.wire, "()") || strings.Contains(c.wire, "LowCardinality") {
			t.Errorf("%s: column %s travels as %q", table.name, c.name, c.wire)
		}
	}
}
