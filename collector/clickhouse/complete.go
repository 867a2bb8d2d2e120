package clickhouse

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/complete_rows.sql
	completeRows string
	//go:embed sql/query/complete_keys.sql
	completeKeys string
	//go:embed sql/query/complete_values.sql
	completeValues string
)

// completed is a table whose filters people type.
type completed struct {
	table, time string
	schema      *schema
}

func completedTable(of signal.FilterOf) (completed, error) {
	switch of {
	case signal.OfSpans:
		return completed{"spans", "spans.start", spanSchema}, nil
	case signal.OfLogs:
		return completed{"logs", "logs.time", logSchema}, nil
	}
	return completed{}, fmt.Errorf("%w: completion of %q; want %s or %s", ErrBadQuery, of, signal.OfSpans, signal.OfLogs)
}

// CompleteKeys lists keys that hold what was typed, as a filter has them: the names of
// columns, whether or not a row has one, and attributes of the rows of the window.
func (s *Store) CompleteKeys(ctx context.Context, q signal.CompletionQuery) ([]signal.Completion, error) {
	t, err := completedTable(q.Of)
	if err != nil {
		return nil, err
	}
	most := limit(q.Limit, usualCompletions)
	found, err := s.complete(ctx, t, completeKeys, nil, q)
	if err != nil {
		return nil, err
	}
	all := columnKeys(t.schema, q.Typed)
	for _, k := range found {
		if _, column := t.schema.column(filter.Comparison{Key: k.Text}); !column && k.Text != signal.KeyTypes {
			all = append(all, k)
		}
	}
	typed := strings.ToLower(q.Typed)
	begins := func(c signal.Completion) int {
		if strings.HasPrefix(strings.ToLower(c.Text), typed) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b signal.Completion) int { return cmp.Compare(begins(a), begins(b)) })
	return all[:min(len(all), most)], nil
}

const usualCompletions = 20

// columnKeys are the names of columns that hold what was typed, short ones first.
func columnKeys(t *schema, typed string) []signal.Completion {
	var all []signal.Completion
	for _, names := range []map[string]promoted{t.intrinsic, t.span, t.resource} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if strings.Contains(strings.ToLower(name), strings.ToLower(typed)) {
				all = append(all, signal.Completion{Text: name})
			}
		}
	}
	return all
}

// CompleteValues lists values of a key that hold what was typed, of the rows of the
// window, the most frequent first.
func (s *Store) CompleteValues(ctx context.Context, key string, q signal.CompletionQuery) ([]signal.Completion, error) {
	t, err := completedTable(q.Of)
	if err != nil {
		return nil, err
	}
	of := filter.Comparison{Key: key, Op: filter.Exists}
	for _, scope := range []filter.Scope{filter.Span, filter.Resource} {
		if rest, ok := strings.CutPrefix(key, string(scope)+"."); ok {
			of.Key, of.Scope = rest, scope
		}
	}
	c := condition{schema: t.schema}
	present, err := c.comparison(of)
	if err != nil {
		return nil, err
	}
	statement := strings.NewReplacer("{{values}}", strings.Join(c.values(of), ", "), "{{present}}", present).Replace(completeValues)
	return s.complete(ctx, t, statement, c.params, q)
}

const (
	// enoughRows is how many of the newest rows a list is made of, if they have anything
	// for it: attributes of many more would be read for longer than somebody types.
	enoughRows = 100_000
	// someRows is about how many of more rows than that are looked at.
	someRows = 50_000
)

// complete asks the newest rows of the window, and all of it where these have nothing.
func (s *Store) complete(ctx context.Context, t completed, statement string, params []any, q signal.CompletionQuery) ([]signal.Completion, error) {
	whole := window(q.Start, q.End, time.Now())
	params = append(params, Param("table", t.table), Param("typed", q.Typed), Param("limit", limit(q.Limit, usualCompletions)))
	var rows, asked uint64
	for part := range back(whole) {
		n, err := s.completable(ctx, t, part)
		if err != nil {
			return nil, fmt.Errorf("complete %q: %w", q.Typed, err)
		}
		if rows += n; rows == asked || rows < enoughRows && part.Start.After(whole.Start) {
			continue
		}
		asked = rows
		part.End = whole.End
		found, err := collect(ctx, s, strings.ReplaceAll(statement, "{{time}}", t.time), scanCompletion,
			append(append(windowParams(part), Param("every", max(rows/someRows, 1))), params...))
		if err != nil {
			return nil, fmt.Errorf("complete %q: %w", q.Typed, err)
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// completable counts the rows of a window.
func (s *Store) completable(ctx context.Context, t completed, w signal.Window) (uint64, error) {
	n, err := collect(ctx, s, strings.ReplaceAll(completeRows, "{{time}}", t.time), one[uint64], append(windowParams(w), Param("table", t.table)))
	if err != nil || len(n) != 1 {
		return 0, err
	}
	return n[0], nil
}

func scanCompletion(rows driver.Rows) (c signal.Completion, err error) {
	err = rows.Scan(&c.Text, &c.Seen)
	return c, err
}
