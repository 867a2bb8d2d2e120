package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// damagedRows are in each of the three parts of a table that keeps each column in a file.
const damagedRows = 100_000

// makeParts keeps blocks small: over one whose sum is wrong the engine tries every bit, to say
// which of them turned, for ten seconds where it has 150 KB.
func makeParts(t *testing.T, c driver.Conn, table string) {
	t.Helper()
	exec(t, c, "CREATE TABLE "+table+" (n UInt64, s String) ENGINE = MergeTree ORDER BY n SETTINGS min_bytes_for_wide_part = 0, max_bytes_to_merge_at_max_space_in_pool = 1, min_compress_block_size = 1024, max_compress_block_size = 4096")
	for _, from := range []string{"0", "1000000", "2000000"} {
		exec(t, c, "INSERT INTO "+table+" SELECT number + "+from+", toString(sipHash64(number)) FROM numbers(100000)")
	}
}

// partFile is a file of the table's first part.
func partFile(t *testing.T, s *storetest.Server, c driver.Conn, table, name string) string {
	t.Helper()
	var path string
	if err := c.QueryRow(t.Context(), "SELECT path FROM system.parts WHERE table = '"+table+"' AND name = 'all_1_1_0'").Scan(&path); err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	return filepath.Join(path, name)
}

// flip turns some bytes in the midst of a file over.
func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 2; i < len(b)/2+16; i++ {
		b[i] ^= 0xff
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, c driver.Conn, table string) (rows, values uint64, err error) {
	t.Helper()
	err = c.QueryRow(t.Context(), "SELECT count(), uniqExact(n, s) FROM "+table).Scan(&rows, &values)
	return rows, values, err
}

// What a start finds damaged is set aside, and all the rest answers.
func TestStartsWithDamagedParts(t *testing.T) {
	dir := t.TempDir()
	s := storetest.Open(t, dir)
	c := connect(t, s.DSN())
	damages := map[string]func(path string) error{
		"columns.txt":   func(path string) error { return os.Truncate(path, 0) },
		"checksums.txt": func(path string) error { return os.Truncate(path, 0) },
		"n.bin":         func(path string) error { return os.Truncate(path, 100) },
		"s.bin":         os.Remove,
	}
	files := map[string]string{} // by what happens to them, the name is the table's
	for name := range damages {
		table := name[:len(name)-len(filepath.Ext(name))]
		makeParts(t, c, table)
		files[name] = partFile(t, s, c, table, name)
	}
	makeParts(t, c, "sound")
	s.Stop()
	for name, damage := range damages {
		if err := damage(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	c = connect(t, storetest.Open(t, dir).DSN())
	for _, table := range []string{"columns", "checksums", "n", "s", "sound"} {
		want := uint64(2 * damagedRows)
		if table == "sound" {
			want = 3 * damagedRows
		}
		if rows, values, err := ask(t, c, table); err != nil || rows != want || values != want {
			t.Errorf("%s: %d rows, %d values, %v; want %d", table, rows, values, err, want)
		}
	}
	if got, want := setAside(t, c), []string{"checksums broken-on-start", "columns broken-on-start", "n broken-on-start", "s broken-on-start"}; !slices.Equal(got, want) {
		t.Errorf("set aside are %v, want %v", got, want)
	}
}

func setAside(t *testing.T, c driver.Conn) []string {
	t.Helper()
	var all []string
	var slept uint8 // so that who waits leaves the engine its time
	if err := c.QueryRow(t.Context(), "SELECT arraySort(groupArray(table || ' ' || reason)), sleep(0.3) FROM system.detached_parts").Scan(&all, &slept); err != nil {
		t.Fatal(err)
	}
	return all
}

// Bytes that have turned over while the engine runs are met by a question, which fails; the
// next one has all the rest. What the engine does in the background meets them unheard.
func TestSetsAsideWhatTurnsOutDamaged(t *testing.T) {
	s := storetest.Open(t, t.TempDir())
	c := connect(t, s.DSN())
	for name, meet := range map[string]func(t *testing.T, table string){
		"asked": func(t *testing.T, table string) {
			_, _, err := ask(t, c, table)
			if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 40 {
				t.Errorf("asked over a damaged part: %v, want code 40", err)
			}
		},
		"rewritten": func(t *testing.T, table string) {
			exec(t, c, "ALTER TABLE "+table+" UPDATE s = s || 'x' WHERE 1 SETTINGS mutations_sync = 0") // in the background
		},
	} {
		t.Run(name, func(t *testing.T) {
			makeParts(t, c, name)
			flip(t, partFile(t, s, c, name, "s.bin"))
			meet(t, name)
			for deadline := time.Now().Add(5 * time.Minute); !slices.Contains(setAside(t, c), name+" broken"); {
				if time.Now().After(deadline) {
					t.Fatalf("set aside are %v", setAside(t, c))
				}
			}
			const want = 2 * damagedRows
			if rows, values, err := ask(t, c, name); err != nil || rows != want || values != want {
				t.Errorf("%d rows, %d values, %v; want %d", rows, values, err, want)
			}
		})
	}
}

// A statement that fails over rows, not over files, sets nothing aside.
func TestSoundPartsStay(t *testing.T) {
	s := storetest.Open(t, t.TempDir())
	c := connect(t, s.DSN())
	makeParts(t, c, "sound")
	path := filepath.Dir(partFile(t, s, c, "sound", "n.bin"))
	err := c.Exec(t.Context(), "SELECT throwIf(1, 'Code: 40. while reading from part "+path+"/')")
	if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 395 {
		t.Fatal(err)
	}
	if rows, _, err := ask(t, c, "sound"); err != nil || rows != 3*damagedRows || len(setAside(t, c)) > 0 {
		t.Errorf("%d rows, %v; set aside %v", rows, err, setAside(t, c))
	}
}
