package clickhouse

import (
	"context"
	_ "embed"
	"errors"
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
	//go:embed sql/query/attribute_keys.sql
	attributeKeys string
	//go:embed sql/query/attribute_values.sql
	attributeValues string
)

// Keys are the names of attributes, sorted.
type Keys struct{ Span, Resource []string }

// AttributeKeys lists the names of attributes of the spans of a window, and those that
// have a column, whether or not a span of the window has them. It is cut where it would
// cost more than a few seconds.
func (s *Store) AttributeKeys(ctx context.Context, w signal.Window) (Keys, error) {
	scan := func(rows driver.Rows) (k Keys, err error) {
		err = rows.Scan(&k.Span, &k.Resource)
		return k, err
	}
	w = window(w.Start, w.End, time.Now())
	found, err := collect(ctx, s, attributeKeys, scan, []any{Param("start", nanos(w.Start)), Param("end", nanos(w.End))})
	if err == nil && len(found) != 1 {
		err = errors.New("no answer")
	}
	if err != nil {
		return Keys{}, fmt.Errorf("list attributes: %w", err)
	}
	return Keys{Span: withColumns(found[0].Span, spanSchema.span), Resource: withColumns(found[0].Resource, spanSchema.resource)}, nil
}

func withColumns(keys []string, columns map[string]promoted) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, k := range slices.AppendSeq(keys, maps.Keys(columns)) {
			if k != signal.KeyTypes && !yield(k) {
				return
			}
		}
	}))
}

// AttributeValue is what an attribute was: Kind is "string", "number" or "bool".
type AttributeValue struct{ Kind, Text string }

// ValueQuery asks for the values of an attribute, or of several of the same meaning, in
// the spans of a window that meet all filters.
type ValueQuery struct {
	Of      []filter.Comparison // key and scope
	Filters []filter.Expr
	Window  signal.Window
	Limit   int // at most 1,000; 0 is as many
}

// AttributeValues lists, sorted, what attributes were; empty text is left out. It is cut
// where it would cost more than a few seconds.
func (s *Store) AttributeValues(ctx context.Context, q ValueQuery) ([]AttributeValue, error) {
	c := condition{schema: spanSchema}
	sql, err := c.compile(filter.And(q.Filters))
	if err != nil {
		return nil, err
	}
	var values []string
	for _, of := range q.Of {
		values = append(values, c.values(of)...)
	}
	scan := func(rows driver.Rows) (v AttributeValue, err error) {
		err = rows.Scan(&v.Kind, &v.Text)
		return v, err
	}
	w := window(q.Window.Start, q.Window.End, time.Now())
	statement := strings.NewReplacer("{{values}}", strings.Join(values, ", "), "{{filter}}", sql).Replace(attributeValues)
	found, err := collect(ctx, s, statement, scan, append(c.params,
		Param("start", nanos(w.Start)), Param("end", nanos(w.End)), Param("limit", limit(q.Limit, maxValues))))
	if err != nil {
		return nil, fmt.Errorf("list values: %w", err)
	}
	return found, nil
}

const maxValues = 1000

// values are the type of an attribute, its text, and whether a row has it, from each
// place where it may be.
func (c *condition) values(of filter.Comparison) []string {
	triple := func(kind, value, present string) string {
		return "('" + kind + "', toString(" + value + "), toBool(" + present + "))"
	}
	if f, ok := c.schema.column(of); ok {
		return []string{triple(f.kind, f.value, f.present)}
	}
	m := c.places(of)
	var all []string
	for _, name := range m.text {
		all = append(all, triple(textKind, m.of(name), m.in(name)))
	}
	if m.own {
		all = append(all, triple(numberKind, m.of("numbers"), m.in("numbers")), triple(boolKind, m.of("bools"), m.in("bools")))
	}
	return all
}
