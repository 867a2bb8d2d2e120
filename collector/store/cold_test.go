package store_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/cold"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// A cold path that is not as it should be ends a start before anything is begun.
func TestRefusesAColdPathThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(t.TempDir(), "missing")
	err := store.Run(t.Context(), store.Config{
		Dir: dir, Listen: "127.0.0.1:0", Cold: cold.Config{Path: missing}, Logger: slog.New(slog.DiscardHandler),
		Ready: func(net.Addr) { t.Error("it is ready") },
	})
	if err == nil || !strings.HasPrefix(err.Error(), "cold-path: ") || !strings.Contains(err.Error(), missing) {
		t.Errorf("it said %v", err)
	}
	for _, begun := range []string{filepath.Join(dir, "engine"), filepath.Join(dir, "cold.json"), missing} {
		if _, err := os.Stat(begun); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want nothing there", begun, err)
		}
	}
}

// sendOldDays makes a table with a day for each number of days ago, which sends those away
// that are older than one.
func sendOldDays(t *testing.T, c driver.Conn, table string, ago ...string) {
	t.Helper()
	exec(t, c, "CREATE TABLE "+table+" (t DateTime, s String) ENGINE = MergeTree PARTITION BY toDate(t) ORDER BY t TTL toDate(t) + INTERVAL 48 HOUR TO VOLUME 'cold' SETTINGS storage_policy = 'tiered', min_bytes_for_wide_part = 0")
	for _, days := range ago {
		exec(t, c, "INSERT INTO "+table+" SELECT now() - INTERVAL "+days+" DAY, randomPrintableASCII(100) FROM numbers(20000)")
	}
}

// where are how many parts of a table are on the one disk and on the other.
func where(t *testing.T, c driver.Conn, table string) (hot, cold uint64) {
	t.Helper()
	var slept uint8 // so that who waits leaves the engine its time
	if err := c.QueryRow(t.Context(), "SELECT countIf(disk_name = 'default'), countIf(disk_name = 'cold'), sleep(0.2) FROM system.parts WHERE active AND table = '"+table+"'").Scan(&hot, &cold, &slept); err != nil {
		t.Fatal(err)
	}
	return hot, cold
}

func awaitCold(t *testing.T, c driver.Conn, table string, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		hot, cold := where(t, c, table)
		if cold == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d parts here, %d there, want %d there", hot, cold, want)
		}
	}
}

func rowsOfDays(t *testing.T, c driver.Conn) (n uint64) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "SELECT count() FROM days WHERE NOT ignore(s)").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Days that have no room on the cold disk stay where they are, answer, and let others in.
func TestAFullColdDisk(t *testing.T) {
	there := mountNew(t, "4M")
	c := connect(t, storetest.OpenWith(t, t.TempDir(), store.Config{Cold: cold.Config{Path: there}}).DSN())
	sendOldDays(t, c, "days", "5", "4", "3", "0") // 2 MB each
	awaitCold(t, c, "days", 1)
	exec(t, c, "INSERT INTO days SELECT now() - INTERVAL 6 DAY, randomPrintableASCII(100) FROM numbers(20000)")
	if n := rowsOfDays(t, c); n != 100_000 {
		t.Errorf("%d rows, want all", n)
	}
	if hot, cold := where(t, c, "days"); hot != 4 || cold != 1 {
		t.Errorf("%d parts here and %d there", hot, cold)
	}
	exec(t, c, "ALTER TABLE days DROP PARTITION ID '"+time.Now().UTC().AddDate(0, 0, -5).Format("20060102")+"'")
	exec(t, c, "ALTER TABLE days DROP PARTITION ID '"+time.Now().UTC().AddDate(0, 0, -6).Format("20060102")+"'")
	if n := rowsOfDays(t, c); n != 60_000 {
		t.Errorf("%d rows, want those of three days", n)
	}
}

// What is not found while the cold disk is not there is not damaged: nothing is set aside, and
// all of it answers when the disk is back.
func TestAColdDiskThatGoesAway(t *testing.T) {
	dir, there := t.TempDir(), filepath.Join(t.TempDir(), "cold")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	with := store.Config{Cold: cold.Config{Path: there}}
	s := storetest.OpenWith(t, dir, with)
	c := connect(t, s.DSN())
	sendOldDays(t, c, "days", "3", "0")
	awaitCold(t, c, "days", 1)
	rowsOfDays(t, c) // so that the columns' files are what is missing, as in a damaged part
	if err := os.Rename(there, there+".away"); err != nil {
		t.Fatal(err)
	}
	for _, forget := range []string{"SYSTEM DROP UNCOMPRESSED CACHE", "SYSTEM DROP MMAP CACHE"} {
		exec(t, c, forget)
	}
	var n uint64
	const old = "SELECT count() FROM days WHERE NOT ignore(s)"
	for range 3 { // each is looked into
		if err := c.QueryRow(t.Context(), old).Scan(&n); err == nil {
			t.Fatalf("it answers %d without the disk", n)
		}
	}
	if err := c.QueryRow(t.Context(), old+" AND t > now() - INTERVAL 1 DAY").Scan(&n); err != nil || n != 20_000 {
		t.Errorf("today answers %d, %v", n, err)
	}
	damagedNow := setAside(t, c)
	if err := os.Rename(there+".away", there); err != nil {
		t.Fatal(err)
	}
	if n := rowsOfDays(t, c); n != 40_000 || len(damagedNow) > 0 {
		t.Errorf("%d rows when it is back, want all; set aside were %v", n, damagedNow)
	}
	// What is damaged there is set aside there.
	var path string
	if err := c.QueryRow(t.Context(), "SELECT path FROM system.parts WHERE active AND disk_name = 'cold'").Scan(&path); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := os.Truncate(filepath.Join(path, "s.bin"), 100); err != nil {
		t.Fatal(err)
	}
	c = connect(t, storetest.OpenWith(t, dir, with).DSN())
	if got := setAside(t, c); len(got) != 1 || rowsOfDays(t, c) != 20_000 {
		t.Errorf("set aside are %v", got)
	}
}
