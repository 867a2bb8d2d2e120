package clickhouse

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// field is one column of an INSERT: how to read it from the rows of a batch.
type field[R any] struct {
	name string
	wire string // type on the way to the engine, which converts it to the column's
	read func(rows []R, plain bool) values
}

// values are one column of a batch, as the driver takes them.
type values struct {
	all   any
	unset bool // each is what the column is without a value
}

// of is the column that get reads from each row.
func of[R, T any](name string, get func(*R) T) field[R] {
	return field[R]{name: name, wire: wireType[T](), read: func(rows []R, _ bool) values {
		all := make([]T, len(rows))
		for i := range rows {
			all[i] = get(&rows[i])
		}
		return values{all, unset(all)}
	}}
}

// pairsOf is the map column that get reads from each row.
func pairsOf[R, V any](name string, get func(*R) *Pairs[V]) field[R] {
	return field[R]{name: name, wire: "Map(String, " + wireType[V]() + ")", read: func(rows []R, plain bool) values {
		all, none := make([]*Pairs[V], len(rows)), true
		for i := range rows {
			all[i] = get(&rows[i])
			none = none && len(*all[i]) == 0
		}
		if !plain {
			return values{all, none}
		}
		referred := make([]*referredPairs[V], len(all))
		for i, p := range all {
			referred[i] = (*referredPairs[V])(p)
		}
		return values{referred, none}
	}}
}

// as is f sent as another type than its values' usual one.
func (f field[R]) as(wire string) field[R] {
	f.wire = wire
	return f
}

// wireType is the plain type for values of T. It is never LowCardinality: the driver
// makes those dictionaries through reflection, at ten times the engine's cost.
func wireType[T any]() string {
	return map[string]string{ // a test sees to it that none is missing
		"string": "String", "bool": "Bool", "uint8": "UInt8", "uint16": "UInt16", "uint64": "UInt64",
		"int8": "Int8", "int16": "Int16", "int64": "Int64", "float64": "Float64",
		"time.Time": "DateTime64(9, 'UTC')", "[]time.Time": "Array(DateTime64(9, 'UTC'))",
		"[]int32": "Array(Int32)", "[]float64": "Array(Float64)", "[]string": "Array(String)", "map[string]string": "Map(String, String)",
		"[]map[string]string": "Array(Map(String, String))", "map[int16]uint64": "Map(Int16, UInt64)",
	}[reflect.TypeFor[T]().String()]
}

// unset reports whether all values are their column's default.
func unset(values any) bool { //nolint:cyclop // a case for each type
	switch v := values.(type) {
	case []string:
		return all(v, func(s string) bool { return s == "" })
	case []bool:
		return all(v, func(b bool) bool { return !b })
	case []uint8:
		return all(v, func(n uint8) bool { return n == 0 })
	case []uint16:
		return all(v, func(n uint16) bool { return n == 0 })
	case []uint64:
		return all(v, func(n uint64) bool { return n == 0 })
	case []int64:
		return all(v, func(n int64) bool { return n == 0 })
	case []float64:
		return all(v, func(n float64) bool { return n == 0 && !math.Signbit(n) })
	case [][]int32:
		return all(v, func(n []int32) bool { return len(n) == 0 })
	case [][]float64:
		return all(v, func(n []float64) bool { return len(n) == 0 })
	case [][]string:
		return all(v, func(s []string) bool { return len(s) == 0 })
	case [][]time.Time:
		return all(v, func(t []time.Time) bool { return len(t) == 0 })
	case [][]map[string]string:
		return all(v, func(m []map[string]string) bool { return len(m) == 0 })
	}
	return false
}

func all[T any](values []T, is func(T) bool) bool {
	return !slices.ContainsFunc(values, func(v T) bool { return !is(v) })
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
	statement, columns, filled, err := t.fill(rows, s.plain)
	if err != nil {
		return err
	}
	if s.plain {
		ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(columns))
	}
	batch, err := s.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.name, err)
	}
	defer batch.Close()
	for i, v := range filled {
		if err := batch.Column(i).Append(v); err != nil {
			return fmt.Errorf("insert into %s: column %s: %w: %w", t.name, columns[i].Name, errBadRow, err)
		}
	}
	for i, c := range batch.Columns() {
		if got := c.Rows(); got != len(rows) {
			// The driver would send an empty block and report success.
			return fmt.Errorf("insert into %s: column %s: %w: %d of %d values taken", t.name, columns[i].Name, errBadRow, got, len(rows))
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", len(rows), t.name, err)
	}
	return nil
}

// fill reads the columns of rows. Those in which nothing is set, as most of a sidecar's
// are for an application's span, are left out of the statement: the engine fills them in
// for nothing.
func (t table[R]) fill(rows []R, plain bool) (statement string, columns []clickhouse.ColumnNameAndType, filled []any, err error) {
	into, names, ok := strings.Cut(t.statement, "(")
	if got := strings.Count(names, ",") + 1; !ok || got != len(t.columns) {
		return "", nil, nil, fmt.Errorf("insert into %s: %w: statement has %d columns, code has %d", t.name, errSchema, got, len(t.columns))
	}
	named := make([]string, 0, len(t.columns))
	for _, c := range t.columns {
		v := c.read(rows, plain)
		if v.unset {
			continue
		}
		named = append(named, c.name)
		columns = append(columns, clickhouse.ColumnNameAndType{Name: c.name, Type: c.wire})
		filled = append(filled, v.all)
	}
	return into + "(" + strings.Join(named, ", ") + ")", columns, filled, nil
}
