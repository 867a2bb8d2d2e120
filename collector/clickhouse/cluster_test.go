package clickhouse

import (
	"os"
	"strings"
	"testing"

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

func TestClusterSchema(t *testing.T) {
	const golden = "testdata/cluster.sql"
	got := strings.Join(onCluster(t, cluster{"main", "sightline"}), ";\n\n") + ";\n"
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
	for _, statement := range onCluster(t, cluster{"main", "sightline"}) {
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
