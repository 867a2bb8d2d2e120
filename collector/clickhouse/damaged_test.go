package clickhouse

import (
	"os"
	"path/filepath"
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
	want := []signal.DamagedPart{{Table: "red", Part: "broken-on-start_" + filepath.Base(path)}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(signal.DamagedPart{}, "Bytes", "Since")); diff != "" {
		t.Error(diff)
	}
	if n := count(t, s, "SELECT count() FROM red"); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}
