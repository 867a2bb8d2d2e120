package store_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestUse(t *testing.T) {
	s := storetest.Open(t, t.TempDir())
	for name, test := range map[string]func(*testing.T, *storetest.Server){
		"streams a million rows in bounded memory": streamsMillion,
		"cancels what nobody waits for":            cancels,
		"runs statements in parallel":              parallel,
		"reads while it writes":                    readsWhileWriting,
		"reports errors with their codes":          errorCodes,
		"refuses a wrong password":                 wrongPassword,
		"binds parameters":                         parameters,
		"keeps settings to their statement":        settings,
		"reports errors in the midst of a result":  midStream,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func streamsMillion(t *testing.T, s *storetest.Server) {
	c := connect(t, s.DSN()+"?compress=lz4")
	before := s.Memory(t)
	rows, err := c.Query(t.Context(), "SELECT number, repeat('x', 100) FROM numbers(1000000)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n, sum, want uint64
	for rows.Next() {
		var i uint64
		var x string
		if err := rows.Scan(&i, &x); err != nil {
			t.Fatal(err)
		}
		n, sum, want = n+1, sum+i, want+n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if n != 1_000_000 || sum != want {
		t.Errorf("got %d rows with sum %d, want 1000000 with %d", n, sum, want)
	}
	if grown := s.Memory(t) - before; grown > 100<<20 {
		t.Errorf("the store grew by %d MiB for a streamed result of 105 MB", grown>>20)
	}
}

func cancels(t *testing.T, s *storetest.Server) {
	c := connect(t, s.DSN())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := c.QueryRow(ctx, "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1").Err()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want deadline exceeded", err)
	}
	deadline := time.Now().Add(time.Minute)
	for running(t, c) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the statement still runs a minute after its client has gone")
		}
	}
}

func running(t *testing.T, c driver.Conn) (n uint64) {
	t.Helper()
	err := c.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number) = 1%' AND query NOT LIKE '%system.processes%'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parallel(t *testing.T, s *storetest.Server) {
	c := connect(t, s.DSN())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				var got uint64
				want := uint64(i*1000 + j)
				if err := c.QueryRow(t.Context(), "SELECT toUInt64({n:UInt64})", clickhouse.Named("n", strconv.FormatUint(want, 10))).Scan(&got); err != nil {
					t.Error(err)
				} else if got != want {
					t.Errorf("got another statement's answer: %d, want %d", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func readsWhileWriting(t *testing.T, s *storetest.Server) {
	c := connect(t, s.DSN())
	exec(t, c, "CREATE TABLE busy (n UInt64) ENGINE = MergeTree ORDER BY n")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				if err := insertThousand(t, c, "busy", 10*i+j); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			var last uint64
			for range 20 {
				var n uint64
				if err := c.QueryRow(t.Context(), "SELECT count() FROM busy").Scan(&n); err != nil {
					t.Error(err)
				}
				if n < last || n%1_000 != 0 {
					t.Errorf("count went from %d to %d: inserts must appear whole and stay", last, n)
				}
				last = n
			}
		})
	}
	wg.Wait()
	var n, distinct uint64
	if err := c.QueryRow(t.Context(), "SELECT count(), uniqExact(n) FROM busy").Scan(&n, &distinct); err != nil {
		t.Fatal(err)
	}
	if n != 40_000 || distinct != 40_000 {
		t.Errorf("got %d rows, %d distinct; want 40000", n, distinct)
	}
}

func errorCodes(t *testing.T, s *storetest.Server) {
	for _, compression := range []string{"none", "lz4", "gzip"} {
		c := connect(t, s.DSN()+"?compress="+compression)
		for sql, want := range map[string]int32{
			"SELEKT 1":                           62,
			"SELECT 1; SELECT 2":                 62,
			"SELECT * FROM nowhere":              60,
			"SELECT nothing":                     47,
			"SELECT throwIf(1)":                  395,
			"INSERT INTO nowhere VALUES (1)":     60,
			"SELECT 1 SETTINGS no_such = 1":      115,
			"CREATE TABLE default.busy (n Int8":  62,
			"SELECT * FROM system.one WHERE 'x'": 59,
		} {
			err := c.Exec(t.Context(), sql)
			e, ok := errors.AsType[*clickhouse.Exception](err)
			if !ok || e.Code != want {
				t.Errorf("%s with %s: got %v, want code %d", sql, compression, err, want)
			}
		}
	}
}

func wrongPassword(t *testing.T, s *storetest.Server) {
	o, err := clickhouse.ParseDSN(strings.Replace(s.DSN(), storetest.Password, "wrong", 1))
	if err != nil {
		t.Fatal(err)
	}
	c, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Ping(t.Context())
	if e, ok := errors.AsType[*clickhouse.HTTPError](err); !ok || e.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, want status 403", err)
	}
	if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 516 {
		t.Errorf("got %v, want code 516", err)
	}
}

func parameters(t *testing.T, s *storetest.Server) {
	c := connect(t, s.DSN())
	exec(t, c, "CREATE TABLE bound (s String) ENGINE = Memory")
	ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"s": "it's; --"}))
	if err := c.Exec(ctx, "INSERT INTO bound VALUES ({s:String})"); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := c.QueryRow(ctx, "SELECT s FROM bound WHERE s = {s:String}").Scan(&got); err != nil || got != "it's; --" {
		t.Errorf("got %q, %v", got, err)
	}
}

func settings(t *testing.T, s *storetest.Server) {
	c := connect(t, s.DSN())
	read := func(ctx context.Context) (v string) {
		if err := c.QueryRow(ctx, "SELECT toString(getSetting('max_block_size'))").Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	plain := read(t.Context())
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 77}))
	if got := read(ctx); got != "77" {
		t.Errorf("with the setting: got %s, want 77", got)
	}
	exec(t, c, "SET max_block_size = 78")
	for range 20 {
		if got := read(t.Context()); got != plain {
			t.Fatalf("another statement's setting stayed: got %s, want %s", got, plain)
		}
	}
	bad := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"no_such_setting": 1}))
	if e, ok := errors.AsType[*clickhouse.Exception](c.Exec(bad, "SELECT 1")); !ok || e.Code != 115 {
		t.Errorf("unknown setting: got %v, want code 115", e)
	}
}

func midStream(t *testing.T, s *storetest.Server) {
	for _, compression := range []string{"none", "lz4", "gzip"} {
		c := connect(t, s.DSN()+"?compress="+compression)
		rows, err := c.Query(t.Context(), "SELECT throwIf(number = 3000000), number FROM numbers(5000000) SETTINGS max_threads = 1")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if e, ok := errors.AsType[*clickhouse.Exception](rows.Err()); !ok || e.Code != 395 || n == 0 {
			t.Errorf("%s: after %d rows got %v, want code 395", compression, n, rows.Err())
		}
		_ = rows.Close()
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	s := storetest.Open(t, t.TempDir())
	err := store.Run(t.Context(), store.Config{Dir: filepath.Join(s.Dir, "store"), Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	busy, ok := errors.AsType[*store.BusyError](err)
	if !ok || busy.PID != s.PID() {
		t.Errorf("got %v, want process %d named as the owner", err, s.PID())
	}
}

func TestLibraryIsNotFound(t *testing.T) {
	t.Setenv("SIGHTLINE_ENGINE", filepath.Join(t.TempDir(), "libchdb.so"))
	err := store.Run(t.Context(), store.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "make engine") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want what to run", err)
	}
}
