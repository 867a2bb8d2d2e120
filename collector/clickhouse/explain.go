package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var (
	//go:embed sql/query/explain.sql
	explainPrefix string
	//go:embed sql/query/sizes.sql
	tableSizes string
	//go:embed sql/query/columns.sql
	columnSizes string
	//go:embed sql/merge.sql
	mergeTable string
)

// Plan is how the engine means to answer a question.
type Plan struct {
	Statement string
	Lines     []string // of EXPLAIN indexes = 1
}

// planning is the context's key of who sees plans.
type planning struct{}

// WithPlans is a context whose questions are explained to see before they are asked, each
// of their statements. see may be called from several goroutines.
func WithPlans(ctx context.Context, see func(Plan)) context.Context {
	return context.WithValue(ctx, planning{}, see)
}

// explain tells of a statement to who wants to see plans, if anybody does.
func (s *Store) explain(ctx context.Context, statement string, params []any) error {
	see, ok := ctx.Value(planning{}).(func(Plan))
	if !ok {
		return nil
	}
	ctx = context.WithValue(ctx, planning{}, nil) // this question itself is not
	lines, err := collect(ctx, s, explainPrefix+uncommented(statement), one[string], params)
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	see(Plan{Statement: statement, Lines: lines})
	return nil
}

// uncommented is a statement without the comment before it.
func uncommented(statement string) string {
	for strings.HasPrefix(statement, "--") {
		_, statement, _ = strings.Cut(statement, "\n")
	}
	return statement
}

// Size is what a table, or a column of one, takes on disk.
type Size struct {
	Name  string
	Rows  uint64
	Parts uint64
	Bytes uint64
}

// Sizes are the sizes of the tables, largest first, as far as merges have come.
func (s *Store) Sizes(ctx context.Context) ([]Size, error) {
	return s.sizes(ctx, tableSizes)
}

// ColumnSizes are the sizes of the columns and skip indexes of a table, largest first.
func (s *Store) ColumnSizes(ctx context.Context, table string) ([]Size, error) {
	return s.sizes(ctx, columnSizes, Param("table", table))
}

func (s *Store) sizes(ctx context.Context, statement string, params ...any) ([]Size, error) {
	sizes, err := collect(ctx, s, statement, func(rows driver.Rows) (z Size, err error) {
		return z, rows.Scan(&z.Name, &z.Rows, &z.Parts, &z.Bytes)
	}, params)
	if err != nil {
		return nil, fmt.Errorf("read sizes: %w", err)
	}
	return sizes, nil
}

// Merge merges all parts of a table, which takes as long as writing it anew. The engine
// does the same by itself, in its own time.
func (s *Store) Merge(ctx context.Context, table string) error {
	if err := s.conn.Exec(ctx, mergeTable, Param("table", table)); err != nil {
		return fmt.Errorf("merge %s: %w", table, err)
	}
	return nil
}
