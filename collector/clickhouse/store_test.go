package clickhouse

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for dsn, want := range map[string]string{
		"http://127.0.0.1:8123/":                            "no database named",
		"gopher://127.0.0.1/x":                              "want http://",
		"http://127.0.0.1/%zz/db":                           "parse store address",
		"clickhouse://127.0.0.1/sightline?cluster=my%20own": `cluster "my own": want letters, digits, _ and -`,
		"clickhouse://127.0.0.1/sightline?cluster=":         `cluster "": want letters`,
		"clickhouse://127.0.0.1/a.b?cluster=main":           `database "a.b": want letters`,
		"http://localhost/sightline?socket=store.sock":      `socket "store.sock": want an absolute path`,
		"http://me:secret@127.0.0.1:p/db":                   "parse store address",
	} {
		_, err := Open(t.Context(), Config{DSN: dsn})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", dsn, err, want)
		}
	}
}

func TestOverASocket(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, storetest.OpenWith(t, dir, store.Config{Listen: "unix:" + filepath.Join(dir, "s")}).DSN())
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count() FROM red"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestTryToConnectIsShort(t *testing.T) {
	for dsn, want := range map[string]time.Duration{
		"clickhouse://db:9000/sightline":                  dialTimeout,
		"clickhouse://db:9000/sightline?dial_timeout=90s": 90 * time.Second,
	} {
		opt, _, err := parse(dsn)
		if err != nil || opt.DialTimeout != want {
			t.Errorf("%s: dial timeout %v, %v; want %s", dsn, opt, err, want)
		}
	}
}

func TestConcurrentMigrations(t *testing.T) {
	dsn := storetest.Start(t)
	var wait sync.WaitGroup
	for range 4 {
		s := openStore(t, dsn)
		wait.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestBudgets(t *testing.T) {
	s := openMigrated(t)
	for name, c := range map[string]struct {
		change func(*Config)
		query  string
		code   int32
	}{
		"time":   {func(c *Config) { c.QueryTimeout = time.Second }, "SELECT count() FROM system.numbers WHERE NOT ignore(sipHash64(number))", 159},
		"memory": {func(c *Config) { c.QueryMemory = 10 << 20 }, "SELECT length(groupArray(number)) FROM numbers(100000000)", 241},
		"rows":   {func(c *Config) { c.QueryRows = 1000 }, "SELECT sum(number) FROM numbers(1000000)", 158},
	} {
		t.Run(name, func(t *testing.T) {
			tight := &Store{cfg: s.cfg, conn: s.conn}
			c.change(&tight.cfg)
			begin := time.Now()
			rows, err := tight.Query(t.Context(), c.query)
			if err == nil {
				rows.Next()
				err = errors.Join(rows.Err(), rows.Close())
			}
			exception, ok := errors.AsType[*driver.Exception](err)
			if !ok || exception.Code != c.code {
				t.Errorf("got %v, want code %d", err, c.code)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestSamples(t *testing.T) {
	s := openMigrated(t)
	day := at()
	sample := func(metric string, at time.Time, v float64) Sample {
		return Sample{Metric: metric, Labels: map[string]string{"job": "web"}, Time: at, Value: v}
	}
	nan := math.Float64frombits(0x7ff0000000000002) // Prometheus' mark of a series that ended
	batches := [][]Sample{
		{sample("up", day, 1), sample("up", day.Add(time.Millisecond), 0.5), sample("down", day, nan)},
		{sample("up", day.Add(time.Second), 3)},
		{sample("up", day.Add(24*time.Hour), 4)},
	}
	for i, b := range batches {
		for range 2 { // each is tried twice
			if err := s.InsertSamples(t.Context(), "batch "+string(rune('a'+i)), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	rows, err := s.Query(t.Context(), "SELECT metric, ms, reinterpretAsUInt64(value) FROM samples ORDER BY metric, ms")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	type row struct {
		Metric string
		MS     int64
		Bits   uint64
	}
	var got []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.Metric, &r.MS, &r.Bits); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	ms := day.UnixMilli()
	want := []row{
		{"down", ms, 0x7ff0000000000002},
		{"up", ms, math.Float64bits(1)},
		{"up", ms + 1, math.Float64bits(0.5)},
		{"up", ms + 1000, math.Float64bits(3)},
		{"up", ms + 24*3600*1000, math.Float64bits(4)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if n := count(t, s, "SELECT count() FROM series"); n != 3 { // two today, one tomorrow
		t.Errorf("%d rows of series, want 3", n)
	}
	if n := count(t, s, "SELECT uniqExact(fingerprint) FROM series WHERE labels['job'] = 'web' AND fingerprint = {f:UInt64}", Param("f", Fingerprint("up", map[string]string{"job": "web"}))); n != 1 {
		t.Errorf("%d series under the fingerprint, want 1", n)
	}
}
