package clickhouse

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// onCluster are all statements of the newest schema for a cluster.
func onCluster(t *testing.T, c cluster) []string {
	t.Helper()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for _, m := range append([]migration{{name: "migrations", statement: createMigrations}}, all...) {
		made, err := c.statements(m.statement)
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		statements = append(statements, made...)
	}
	return statements
}

// tiersOnCluster are the statements that make the tables of a cluster with tiers, and those
// that give them to tables that are there, and take them back.
func tiersOnCluster(t *testing.T, c cluster) []string {
	t.Helper()
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	var made, changed []string
	add := func(to *[]string, statement string) {
		t.Helper()
		on, err := c.statements(statement)
		if err != nil {
			t.Fatal(err)
		}
		*to = append(*to, on...)
	}
	wish := Tiers{"tiered", 48 * time.Hour}
	for _, m := range all {
		table, ok := tierOf(m.statement)
		if !ok {
			continue
		}
		add(&made, wish.in(m.statement))
		for _, one := range append(wish.change(table, tableState{}), Tiers{}.change(table, tableState{hours: 72})...) {
			add(&changed, one)
		}
	}
	return append(made, changed...)
}

func TestClusterSchema(t *testing.T) {
	c := cluster{"main", "sightline"}
	for golden, statements := range map[string][]string{
		"testdata/cluster.sql":       onCluster(t, c),
		"testdata/cluster_tiers.sql": tiersOnCluster(t, c),
	} {
		checkGolden(t, golden, strings.Join(statements, ";\n\n")+";\n")
	}
}

func checkGolden(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the migrations say (-update writes it):\n%s", golden, diff)
	}
}

// The engine's own parser reads each statement, and reads the same in what it makes of it.
func TestEngineParsesClusterSchema(t *testing.T) {
	s := openMigrated(t)
	c := cluster{"main", "sightline"}
	for _, statement := range append(onCluster(t, c), tiersOnCluster(t, c)...) {
		rows, err := s.conn.Query(t.Context(), "EXPLAIN AST "+statement)
		if err != nil {
			t.Errorf("%s\n%v", statement, err)
			continue
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		var once, twice string
		const format = "SELECT formatQuery({q:String}) AS once, formatQuery(once)"
		if err := s.conn.QueryRow(t.Context(), format, Param("q", statement)).Scan(&once, &twice); err != nil || once != twice {
			t.Errorf("%s\n%v\nformats to\n%s\nand that to\n%s", statement, err, once, twice)
		}
		if !strings.Contains(once, "ON CLUSTER main") && !strings.HasPrefix(once, "INSERT INTO ") { // rows go by the Distributed tables
			t.Errorf("not on the cluster:\n%s", once)
		}
	}
}

func TestClusterRefusesWhatItDoesNotKnow(t *testing.T) {
	c := cluster{"main", "sightline"}
	for statement, want := range map[string]string{
		"CREATE TABLE IF NOT EXISTS odd\n(\n    a UInt8\n)\nENGINE = MergeTree\nORDER BY a":                       "no key says to which shard a row of odd belongs",
		"ALTER TABLE red ADD COLUMN IF NOT EXISTS a UInt8, ADD INDEX IF NOT EXISTS b a TYPE minmax GRANULARITY 1": "red gets columns and indexes in one statement",
		"DROP TABLE red": "no form of",
		"CREATE MATERIALIZED VIEW IF NOT EXISTS v TO red AS\nSELECT a FROM spans": "no form of",
	} {
		if got, err := c.statements(statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%q, %v; want %q", statement, got, err, want)
		}
	}
}
