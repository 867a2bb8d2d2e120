package store_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// BenchmarkInsert stores batches of 10,000 rows of one number and one text.
func BenchmarkInsert(b *testing.B) {
	for name, sync := range map[string]bool{"cached": false, "synced": true} {
		b.Run(name, func(b *testing.B) { insertBatches(b, store.Config{SyncInserts: sync}) })
	}
}

func insertBatches(b *testing.B, c store.Config) {
	b.Helper()
	o, err := clickhouse.ParseDSN(storetest.OpenWith(b, b.TempDir(), c).DSN() + "?compress=lz4")
	if err != nil {
		b.Fatal(err)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(b.Context(), "CREATE TABLE bench (n UInt64, s String) ENGINE = MergeTree ORDER BY n"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO bench")
		if err != nil {
			b.Fatal(err)
		}
		defer batch.Close()
		for i := range 10_000 {
			if err := batch.Append(uint64(i), "reviews-v2"); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkQuery asks for one row.
func BenchmarkQuery(b *testing.B) {
	o, err := clickhouse.ParseDSN(storetest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	c, err := clickhouse.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		var n uint64
		if err := c.QueryRow(b.Context(), "SELECT count() FROM numbers(1000)").Scan(&n); err != nil {
			b.Fatal(err)
		}
	}
}
