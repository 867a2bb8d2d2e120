package clickhouse

import (
	"context"
	_ "embed"
	"strings"

	"github.com/sightline-mesh/sightline/collector/filter"
)

var (
	//go:embed sql/query/rows_with_values.sql
	rowsWithValues string
	//go:embed sql/query/values_of_rows.sql
	valuesInRows string
)

const (
	// enoughRows is how many of the newest rows a list is made of: values of many more
	// would be read for longer than somebody types.
	enoughRows = 100_000
	// someRows is about how many of more rows than that are looked at.
	someRows = 50_000
)

// valuesOfRows lists values of the newest rows that have them and meet the filters.
func (s *Store) valuesOfRows(ctx context.Context, t completed, a asked, w wanted) ([]AttributeValue, error) {
	c := condition{schema: t.schema}
	present := make(filter.Or, len(a.of))
	var values []string
	for i, of := range a.of {
		of.Op = filter.Exists
		present[i] = of
		values = append(values, c.values(of)...)
	}
	sql, err := c.compile(append(filter.And{present}, a.filters...))
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer("{{time}}", t.time, "{{filter}}", sql, "{{values}}", strings.Join(values, ", "))
	params := append(c.params, Param("table", t.table))
	newest, rows := w, uint64(0)
	for part := range back(w.window) {
		n, err := collect(ctx, s, text.Replace(rowsWithValues), one[uint64], append(windowParams(part), params...))
		if err != nil {
			return nil, err
		}
		newest.window.Start = part.Start
		if rows += n[0]; rows >= enoughRows {
			break
		}
	}
	if rows == 0 {
		return nil, nil
	}
	return collect(ctx, s, text.Replace(valuesInRows), scanValue, newest.params(append(params, Param("every", max(rows/someRows, 1)))...))
}

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
