package clickhouse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// What a start finds damaged is told; what a person detached is not.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	server := storetest.Open(t, dir)
	s := openStore(t, server.DSN())
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for token, day := range map[string]time.Time{"a": at(), "b": at().AddDate(0, 0, -1)} {
		row := hop(signal.Source, "web", "cart", 5, 0)
		row.Time = day
		if err := s.InsertRED(t.Context(), token, []REDRow{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.conn.Exec(t.Context(), "ALTER TABLE red_1m DETACH PARTITION '"+at().Format(time.DateOnly)+"'"); err != nil {
		t.Fatal(err)
	}
	var path string
	if err := s.conn.QueryRow(t.Context(), "SELECT max(path) FROM system.parts WHERE table = 'red' AND active AND database = currentDatabase()").Scan(&path); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := os.Truncate(filepath.Join(path, "data.bin"), 3); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, storetest.Open(t, dir).DSN())
	got, err := s.Damaged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	day := at().UTC().Truncate(24 * time.Hour)
	if !strings.HasPrefix(filepath.Base(path), day.Format("20060102")) {
		day = day.AddDate(0, 0, -1)
	}
	want := []signal.DamagedPart{{Table: "red", Part: "broken-on-start_" + filepath.Base(path), Day: day}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(signal.DamagedPart{}, "Bytes", "Since")); diff != "" {
		t.Error(diff)
	}
	for since, of := range map[time.Time]string{day: "red", day.Add(24 * time.Hour): "", day.Add(-24 * time.Hour): "red"} {
		if lacks := s.Lacks(t.Context(), signal.Window{Start: since, End: since.Add(25 * time.Hour)}, "red", "red_1m"); (lacks != "") != (of != "") {
			t.Errorf("from %s on it is said to lack %q, want something of %q", since, lacks, of)
		}
	}
	if n := count(t, s, "SELECT count() FROM red"); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}

// An answer about a time of which some was set aside says so, beside why else it is not all.
func TestAnswersSayWhatWasSetAside(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC()
	storeSpans(t, s, now.Add(-10*time.Second), 5)
	const said = "one damaged part was set aside"
	s.damage.asked = now.Add(time.Hour)
	s.damage.parts.Store(&[]signal.DamagedPart{{Table: "spans"}, {Table: "logs"}})
	of := signal.SpanQuery{Search: signal.TraceQuery{Start: now.Add(-time.Minute), End: now}}
	for what, ask := range map[string]func() (string, error){
		"traces":  func() (string, error) { p, err := s.SearchTraces(t.Context(), of.Search); return p.Partial, err },
		"heatmap": func() (string, error) { h, err := s.Heatmap(t.Context(), of, 10); return h.Partial, err },
		"deltas": func() (string, error) {
			d, err := s.Deltas(t.Context(), signal.DeltaQuery{SpanQuery: of, Selected: "duration > 1s"})
			return d.Partial, err
		},
		"logs": func() (string, error) {
			p, err := s.Logs(t.Context(), signal.LogQuery{Start: of.Search.Start, End: now})
			if p.Next != "" {
				t.Errorf("there is a next page, %q", p.Next)
			}
			return p.Partial, err
		},
		"histogram": func() (string, error) {
			h, err := s.LogHistogram(t.Context(), signal.LogQuery{Start: of.Search.Start, End: now}, 5)
			return h.Partial, err
		},
	} {
		if got, err := ask(); err != nil || got != said {
			t.Errorf("%s: %q, %v; want %q", what, got, err, said)
		}
	}
	if got := besides("searched back to noon only", said); got != "searched back to noon only; "+said {
		t.Errorf("got %q", got)
	}
}

func TestDayOfAPartition(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) // a Monday
	for _, c := range []struct {
		table, partition string
		want             time.Time
	}{
		{"red", "20261123", day},
		{"red_local", "20261123", day},
		{"red_1h", "202611", time.Time{}},
		{"series", "20261123", time.Time{}},
		{"series_local", "20261123", time.Time{}},
		{"metadata", "20261123", time.Time{}},
		{"red", "", time.Time{}},
	} {
		if got := partitionDay(c.table, c.partition); !got.Equal(c.want) {
			t.Errorf("%s of %s: %v, want %v", c.partition, c.table, got, c.want)
		}
	}
}
