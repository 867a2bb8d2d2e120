package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// field is one column of an INSERT.
type field[R any] struct {
	name   string
	wire   string // type on the way to the engine, which converts it to the column's
	levels int    // of lists that the values lie in
	add    func(*cells, *R)
	blank  func(c *cells, rows int)                  // makes c what the column is without values
	cut    func(c *cells, at int, into, rest *cells) // splits c
	typed  func(*cells) any                          // as the driver takes them
}

// columnOf is a field of a kind whose values get reads.
func columnOf[R, T any](name string, k kind[T], get func(*R) T) field[R] {
	return withDefault(name, k, get, *new(T))
}

// withDefault is columnOf where without a value the column is something else than T's zero.
func withDefault[R, T any](name string, k kind[T], get func(*R) T, none T) field[R] {
	blank := func(c *cells, rows int) {
		c.set = true
		for range rows {
			k.put(c, none)
		}
	}
	add := func(c *cells, v T) {
		if !c.set && k.none != nil && k.none(v) {
			c.rows++
			return
		}
		if !c.set {
			blank(c, c.rows)
		}
		k.put(c, v)
		c.rows++
	}
	return field[R]{
		name: name, wire: k.wire, levels: k.levels, blank: blank,
		add: func(c *cells, r *R) { add(c, get(r)) },
		cut: func(c *cells, at int, into, rest *cells) {
			if !c.set {
				into.rows, rest.rows = at, c.rows-at
				return
			}
			for i, v := range k.take(c) {
				if i < at {
					add(into, v)
				} else {
					add(rest, v)
				}
			}
		},
		typed: func(c *cells) any { return k.take(c) },
	}
}

// of is the column that get reads from each row.
func of[R, T any](name string, get func(*R) T) field[R] { return columnOf(name, kindOf[T](), get) }

// pairsOf is the map column that get reads from each row.
func pairsOf[R, V any](name string, get func(*R) *Pairs[V]) field[R] {
	return columnOf(name, pairsKind[V](), get)
}

// fixed is the column of ids of one length that get reads from each row.
func fixed[R any](name, wire string, size int, get func(*R) []byte) field[R] {
	return columnOf(name, fixedKind(wire, size), get)
}

// table is the target of an INSERT; its columns stand in the statement's order.
type table[R any] struct {
	name      string
	statement string
	columns   []field[R]
	builders  sync.Pool // of *Builder[R]
}

// Inserts does one after the other. What one of them refuses for good keeps no other from
// being done: the error is a *RefusedError of all rows that are refused.
func Inserts(all ...func() error) error {
	var refused *RefusedError
	for _, insert := range all {
		err := insert()
		r, ok := errors.AsType[*RefusedError](err)
		switch {
		case err != nil && !ok:
			return err
		case ok && refused != nil:
			refused = &RefusedError{Rows: refused.Rows + r.Rows, err: refused.err}
		case ok:
			refused = r
		}
	}
	if refused == nil {
		return nil
	}
	return refused
}

// InsertSpans stores spans, all or none, but for those that the engine refuses for good: of
// these a *RefusedError tells. A batch whose token was stored already is not stored again.
func (s *Store) InsertSpans(ctx context.Context, token string, rows []SpanRow) error {
	return insert(ctx, s, spans(), token, rows)
}

// InsertSpanBlocks stores blocks as InsertSpans does spans, all together.
func (s *Store) InsertSpanBlocks(ctx context.Context, token string, blocks []*Block[SpanRow]) error {
	return insertBlocks(ctx, s, token, blocks)
}

// InsertLogs stores log rows as InsertSpans does spans.
func (s *Store) InsertLogs(ctx context.Context, token string, rows []LogRow) error {
	return insert(ctx, s, logs(), token, rows)
}

// InsertLogBlocks stores blocks as InsertSpans does spans, all together.
func (s *Store) InsertLogBlocks(ctx context.Context, token string, blocks []*Block[LogRow]) error {
	return insertBlocks(ctx, s, token, blocks)
}

// InsertRED stores RED rows as InsertSpans does spans.
func (s *Store) InsertRED(ctx context.Context, token string, rows []REDRow) error {
	return insert(ctx, s, red(), token, rows)
}

func insert[R any](ctx context.Context, s *Store, t *table[R], token string, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	return insertBlocks(ctx, s, token, []*Block[R]{blockOf(t, rows)})
}

// insertBlocks sends one batch as one block, so that it becomes one part per partition; what
// the engine refuses for good, in halves, until those rows are found that it is for. The
// error is a *RefusedError where all other rows are stored. Each insert has the time that one
// query has, and all of them as long as ctx says.
func insertBlocks[R any](ctx context.Context, s *Store, token string, blocks []*Block[R]) error {
	r := refusal{tries: mostTries}
	if err := insertFitting(ctx, s, token, blocks, &r); err != nil {
		return err
	}
	if len(r.lost) == 0 {
		return nil
	}
	return &RefusedError{Rows: len(r.lost), Lost: r.lost, err: r.first}
}

// mostTries bounds how many inserts of one batch may be refused: those that are not do not
// count. One bad row of 20,000 takes 16.
const mostTries = 64

// refusal is what of a batch is refused.
type refusal struct {
	seen  int   // rows of which it is known whether they are
	lost  []int // those that are, by their places
	first error
	tries int // left
}

func insertFitting[R any](ctx context.Context, s *Store, token string, blocks []*Block[R], r *refusal) error {
	err := insertOnce(ctx, s, token, blocks)
	rows := rowsOf(blocks)
	switch {
	case err == nil:
		r.seen += rows
		return nil
	case !Permanent(err):
		return err
	}
	if r.tries--; rows == 1 || r.tries <= 0 {
		for range rows {
			r.lost = append(r.lost, r.seen)
			r.seen++
		}
		r.first = cmp.Or(r.first, err)
		return nil
	}
	first, second := halvesOf(blocks)
	if err := insertFitting(ctx, s, token+"/1", first, r); err != nil {
		return err
	}
	return insertFitting(ctx, s, token+"/2", second, r)
}

// halvesOf splits what came together before it splits a request.
func halvesOf[R any](blocks []*Block[R]) (first, second []*Block[R]) {
	blocks = slices.DeleteFunc(slices.Clone(blocks), func(b *Block[R]) bool { return b.rows == 0 })
	if n := len(blocks) / 2; n > 0 {
		return blocks[:n], blocks[n:]
	}
	x, y := blocks[0].halves()
	return []*Block[R]{x}, []*Block[R]{y}
}

func insertOnce[R any](ctx context.Context, s *Store, token string, blocks []*Block[R]) error {
	rows := rowsOf(blocks)
	if rows == 0 {
		return nil
	}
	t := blocks[0].table
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout) // of its own: a batch may take many inserts
	defer cancel()
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplicate":                                 1,
		"insert_deduplication_token":                         token,
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert":                                       0,
		"max_execution_time":                                 int(max(s.cfg.QueryTimeout/time.Second, 1)),
	}))
	columns := said(blocks)
	statement, err := t.filling(columns)
	if err != nil {
		return err
	}
	if s.plain {
		err = s.conn.InsertFormat(ctx, "Native", statement, native(blocks, columns))
	} else {
		err = sendTyped(ctx, s, statement, blocks, columns)
	}
	if err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", rows, t.name, err)
	}
	return nil
}

// filling is the statement that fills some of the columns. Those in which nothing is set, as
// most of a sidecar's are for an application's span, are left out: the engine fills them in
// for nothing.
func (t *table[R]) filling(columns []int) (string, error) {
	into, list, ok := strings.Cut(t.statement, "(")
	if got := strings.Count(list, ",") + 1; !ok || got != len(t.columns) {
		return "", fmt.Errorf("insert into %s: %w: statement has %d columns, code has %d", t.name, errSchema, got, len(t.columns))
	}
	named := make([]string, len(columns))
	for i, c := range columns {
		named[i] = t.columns[c].name
	}
	return into + "(" + strings.Join(named, ", ") + ")", nil
}

// sendTyped inserts by the driver's own protocol, which has no other way than through its
// columns: those of the table, which it asks for.
func sendTyped[R any](ctx context.Context, s *Store, statement string, blocks []*Block[R], columns []int) error {
	batch, err := s.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return err
	}
	defer batch.Close()
	rows, all := rowsOf(blocks), blocks[0].table.columns
	for i, c := range columns {
		if err := batch.Column(i).Append(all[c].typed(joined(blocks, c))); err != nil {
			return fmt.Errorf("column %s: %w: %w", all[c].name, errBadRow, err)
		}
	}
	for i, c := range batch.Columns() {
		if got := c.Rows(); got != rows {
			// The driver would send an empty block and report success.
			return fmt.Errorf("column %s: %w: %d of %d values taken", all[columns[i]].name, errBadRow, got, rows)
		}
	}
	return batch.Send()
}
