package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// field is one column of an INSERT: how to read it from the rows of a batch.
type field[R any] struct {
	name string
	fill func(driver.BatchColumn, []R) error
}

// of is the column that get reads from each row.
func of[R, T any](name string, get func(*R) T) field[R] {
	return field[R]{name: name, fill: func(c driver.BatchColumn, rows []R) error {
		values := make([]T, len(rows))
		for i := range rows {
			values[i] = get(&rows[i])
		}
		return c.Append(values)
	}}
}

// table is the target of an INSERT; its columns stand in the statement's order.
type table[R any] struct {
	name      string
	statement string
	columns   []field[R]
}

// InsertSpans stores spans, all or none. A batch whose token was stored already is
// not stored again.
func (s *Store) InsertSpans(ctx context.Context, token string, rows []SpanRow) error {
	return insert(ctx, s, spansTable(), token, rows)
}

// InsertLogs stores log rows as InsertSpans does spans.
func (s *Store) InsertLogs(ctx context.Context, token string, rows []LogRow) error {
	return insert(ctx, s, logsTable(), token, rows)
}

// InsertRED stores RED rows as InsertSpans does spans.
func (s *Store) InsertRED(ctx context.Context, token string, rows []REDRow) error {
	return insert(ctx, s, redTable(), token, rows)
}

// insert sends one batch as one block, so that it becomes one part per partition.
func insert[R any](ctx context.Context, s *Store, t table[R], token string, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         token,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert":                                       0,
		"max_execution_time":                                 int(max(s.cfg.QueryTimeout/time.Second, 1)),
	}))
	batch, err := s.conn.PrepareBatch(ctx, t.statement)
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.name, err)
	}
	defer batch.Close()
	if got, want := len(batch.Columns()), len(t.columns); got != want {
		return fmt.Errorf("insert into %s: %w: statement has %d columns, code has %d", t.name, errSchema, got, want)
	}
	for i, c := range t.columns {
		if err := c.fill(batch.Column(i), rows); err != nil {
			return fmt.Errorf("insert into %s: column %s: %w: %w", t.name, c.name, errBadRow, err)
		}
		if got := batch.Columns()[i].Rows(); got != len(rows) {
			// The driver would send an empty block and report success.
			return fmt.Errorf("insert into %s: column %s: %w: %d of %d values taken", t.name, c.name, errBadRow, got, len(rows))
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", len(rows), t.name, err)
	}
	return nil
}
