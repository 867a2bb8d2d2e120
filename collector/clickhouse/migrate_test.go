package clickhouse

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestMigrateIsIdempotent(t *testing.T) {
	s := openMigrated(t)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal("second run:", err)
	}
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if got := count(t, s, "SELECT count() FROM migrations"); got != uint64(len(all)) {
		t.Errorf("recorded %d migrations, want %d", got, len(all))
	}
	if got := count(t, s, "SELECT max(n) FROM (SELECT count() AS n FROM system.tables WHERE engine = 'MaterializedView' AND database = currentDatabase() GROUP BY extract(create_table_query, 'FROM [a-z.]*?([a-z_0-9]+) '))"); got > 4 {
		t.Errorf("%d views hang on one table, want at most 4", got)
	}
}

// The rows per hour are made of what was stored before there were such, once, however often
// the migration is cut off and begun anew.
func TestRowsPerHourAreMadeOfThoseBefore(t *testing.T) {
	s := openMigrated(t)
	for _, token := range []string{"one", "two"} {
		if err := s.InsertRED(t.Context(), token, []REDRow{hop(signal.Source, "web", "cart", 5, 1), hop(signal.Source, "web", "shop", 3, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	filled := all[slices.IndexFunc(all, func(m migration) bool { return strings.HasSuffix(m.name, "red_1h_filled") })]
	for _, statement := range []string{"TRUNCATE TABLE red_1h", filled.statement, filled.statement} {
		if err := s.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, s, "SELECT toUInt64(sum(requests)) FROM red_1h"); got != 16 {
		t.Errorf("%d requests, want 16", got)
	}
}

// Several that begin at once on an empty store all have its tables in the end, once each.
func TestManyMigrateAtOnce(t *testing.T) {
	dsn := storetest.Start(t)
	first := openStore(t, dsn)
	var all sync.WaitGroup
	for _, s := range []*Store{first, openStore(t, dsn), openStore(t, dsn)} {
		all.Go(func() {
			var err error
			for range 10 { // a collector, too, does it again after a failure
				if err = s.Migrate(t.Context()); err == nil {
					return
				}
				t.Log(err)
			}
			t.Error(err)
		})
	}
	all.Wait()
	want, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if got := count(t, first, "SELECT count(DISTINCT version) FROM migrations"); got != uint64(len(want)) {
		t.Errorf("recorded %d migrations, want %d", got, len(want))
	}
	if got := count(t, first, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'red_to_1m' AND create_table_query LIKE '%opened%'"); got != 1 {
		t.Errorf("the last word on the view was not the newest: %d", got)
	}
}

func TestMigrationsAreDenseAndSingle(t *testing.T) {
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		if m.version != uint32(i+1) {
			t.Errorf("%s: version %d, want %d", m.name, m.version, i+1)
		}
		if strings.Contains(m.statement, ";") {
			t.Errorf("%s: more than one statement", m.name)
		}
		if !regexp.MustCompile(`IF NOT EXISTS|OR REPLACE|insert_deduplication_token|MODIFY SETTING`).MatchString(m.statement) {
			t.Errorf("%s: cannot run twice", m.name)
		}
	}
}

func TestInsertColumnsMatchStatements(t *testing.T) {
	check := func(name, statement string, columns []string) {
		t.Helper()
		list := regexp.MustCompile(`(?s)\((.*)\)`).FindStringSubmatch(statement)
		if list == nil {
			t.Fatalf("%s: no column list in %q", name, statement)
		}
		var want []string
		for c := range strings.SplitSeq(list[1], ",") {
			want = append(want, strings.TrimSpace(c))
		}
		if diff := cmp.Diff(want, columns); diff != "" {
			t.Errorf("%s: columns (-statement +code):\n%s", name, diff)
		}
	}
	check("spans", insertSpans, names(spansTable()))
	check("logs", insertLogs, names(logsTable()))
	check("red", insertRED, names(redTable()))
	check("series", insertSeries, names(seriesTable()))
	check("samples", insertSamples, names(samplesTable()))
	check("histograms", insertHistograms, names(histogramsTable()))
	check("exemplars", insertExemplars, names(exemplarsTable()))
	check("metadata", insertMetadata, names(metadataTable()))
}

func names[R any](t *table[R]) []string {
	var all []string
	for _, c := range t.columns {
		all = append(all, c.name)
	}
	return all
}
