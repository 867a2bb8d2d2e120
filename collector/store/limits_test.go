package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

const dedupTable = "CREATE TABLE kept (n UInt64, s String) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 1000"

// insertOnce stores ten thousand rows under a token, as the collector does: tried again, they
// are there once.
func insertOnce(ctx context.Context, c driver.Conn, i int) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": "batch-" + strconv.Itoa(i)}))
	return c.Exec(ctx, fmt.Sprintf("INSERT INTO kept SELECT number + %d, repeat('x', 100) FROM numbers(10000)", 10_000*i))
}

func hasAll(t *testing.T, c driver.Conn, batches int) {
	t.Helper()
	var rows, distinct uint64
	if err := c.QueryRow(t.Context(), "SELECT count(), uniqExact(n) FROM kept").Scan(&rows, &distinct); err != nil {
		t.Fatal(err)
	}
	if want := uint64(10_000 * batches); rows != want || distinct != want {
		t.Errorf("%d rows, %d distinct; want %d", rows, distinct, want)
	}
}

// A question is read by as many threads as there are processors, however little memory the
// store may have.
func TestReadsWithAllThreads(t *testing.T) {
	c := connect(t, storetest.OpenWith(t, t.TempDir(), store.Config{MemoryLimit: 400 << 20}).DSN())
	exec(t, c, dedupTable)
	exec(t, c, "INSERT INTO kept SELECT number, 'x' FROM numbers(1000000)")
	var plan string
	const explained = "SELECT arrayStringConcat(groupArray(explain), '\\n') FROM (EXPLAIN PIPELINE SELECT sum(n) FROM kept SETTINGS max_threads = 2)"
	err := c.QueryRow(t.Context(), explained).Scan(&plan)
	if err != nil || !strings.Contains(plan, "MergeTreeSelect(pool: ReadPool, algorithm: Thread) × 2") {
		t.Errorf("%v, planned is\n%s", err, plan)
	}
}

// Questions that want more memory than all of the store may have fail with a clear error,
// and the store lives: what is inserted meanwhile is stored, or refused and stored by the
// next try.
func TestMemoryIsCapped(t *testing.T) {
	const memoryLimit = 400 << 20
	s := storetest.OpenWith(t, t.TempDir(), store.Config{MemoryLimit: memoryLimit})
	pid := s.PID()
	c := connect(t, s.DSN())
	exec(t, c, dedupTable)
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			err := c.Exec(t.Context(), "SELECT length(groupArray(repeat(toString(number), 50))) FROM numbers(50000000) SETTINGS max_memory_usage = 0")
			if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 241 {
				t.Errorf("a question for more memory than there is: %v, want code 241", err)
			}
		})
	}
	const batches = 20
	refused := 0
	for i := range batches {
		for err := insertOnce(t.Context(), c, i); err != nil; err = insertOnce(t.Context(), c, i) {
			if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 241 {
				t.Fatalf("insert beside it: %v, want none or code 241", err)
			}
			refused++
		}
	}
	wait.Wait()
	hasAll(t, c, batches)
	t.Logf("%d inserts were refused, %d MiB in use at the end", refused, s.Memory(t)>>20)
	if s.PID() != pid || s.Memory(t) > 2*memoryLimit {
		t.Errorf("the store has %d MiB, of %d", s.Memory(t)>>20, memoryLimit>>20)
	}
}

// A full disk refuses what is inserted and keeps answering; with room again all goes on,
// and a store that was started on the full disk answers too.
func TestFullDisk(t *testing.T) {
	dir := mountNew(t, "256M")
	s := storetest.Open(t, dir)
	c := connect(t, s.DSN())
	exec(t, c, dedupTable)
	if err := insertOnce(t.Context(), c, 0); err != nil {
		t.Fatal(err)
	}
	release := fill(t, dir)
	refuses := func() {
		t.Helper()
		err := insertOnce(t.Context(), c, 1)
		if e, ok := errors.AsType[*clickhouse.Exception](err); !ok || e.Code != 243 && e.Code != 75 {
			t.Errorf("insert on a full disk: %v, want code 243 or 75", err)
		}
		hasAll(t, c, 1)
	}
	refuses()
	s.Kill()
	c = connect(t, storetest.Open(t, dir).DSN())
	refuses()
	release()
	for i := range 3 {
		if err := insertOnce(t.Context(), c, i); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
	hasAll(t, c, 3)
}

// fill leaves no byte of dir's file system free until it is released.
func fill(t *testing.T, dir string) (release func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v, want no space left", err)
	}
	return func() {
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			t.Error(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
