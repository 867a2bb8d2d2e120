package clickhouse

import (
	"cmp"
	"context"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"

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

// reach is how much may be read for a list, which is then of what was read until there.
type reach struct {
	rows int // of each slice of the window
	time time.Duration
}

var (
	// asLong is for lists that only rows can answer.
	asLong = reach{20_000_000, 5 * time.Second}
	// whileTyping is for lists that are most likely empty, asked for again at each letter:
	// half a million rows, as what is kept has five slices.
	whileTyping = reach{100_000, 300 * time.Millisecond}
)

// rowsAsked makes of a statement about the rows asked for one about those with a value.
type rowsAsked struct {
	text   []string // placeholders and what they stand for
	params []any
}

func newRowsAsked(t completed, a asked) (rowsAsked, error) {
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
		return rowsAsked{}, err
	}
	text := []string{"{{rows_of}}", t.rows, "{{time}}", t.time, "{{filter}}", sql, "{{values}}", strings.Join(values, ", ")}
	return rowsAsked{text, c.params}, nil
}

func (q rowsAsked) statement(sql string, r reach) string {
	seconds := strconv.FormatFloat(r.time.Seconds(), 'f', 3, 64)
	return strings.NewReplacer(append(q.text, "{{rows}}", strconv.Itoa(r.rows), "{{seconds}}", seconds)...).Replace(sql)
}

// valuesOfRows lists values of the newest rows that have them and meet the filters.
func (s *Store) valuesOfRows(ctx context.Context, t completed, a asked, w wanted) ([]AttributeValue, error) {
	q, err := newRowsAsked(t, a)
	if err != nil {
		return nil, err
	}
	newest, rows := w, uint64(0)
	for part := range back(w.window) {
		n, err := collect(ctx, s, q.statement(rowsWithValues, asLong), one[uint64], append(windowParams(part), q.params...))
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
	params := newest.params(append(q.params, Param("every", max(rows/someRows, 1)))...)
	return collect(ctx, s, q.statement(valuesInRows, asLong), scanValue, params)
}

// valuesNotKept lists values of attributes of which the table has nothing: they are rare,
// or older than it. It looks at some rows of ever older slices of the window, and ends with
// what it has where enough are found or its time is over.
func (s *Store) valuesNotKept(ctx context.Context, t completed, a asked, w wanted, most reach) ([]AttributeValue, error) {
	q, err := newRowsAsked(t, a)
	if err != nil {
		return nil, err
	}
	var all []AttributeValue
	end := time.Now().Add(most.time)
	for part := range back(w.window) {
		left := reach{most.rows, time.Until(end)}
		if left.time < time.Millisecond || len(all) >= w.limit {
			break
		}
		slice := wanted{w.typed, part, w.limit}
		found, err := collect(ctx, s, q.statement(valuesInRows, left), scanValue, slice.params(append(q.params, Param("every", uint64(1)))...))
		if err != nil {
			return nil, err
		}
		all = merge(all, found)
	}
	begins := beginsWith(w.typed)
	slices.SortFunc(all, func(a, b AttributeValue) int {
		return cmp.Or(cmp.Compare(begins(a.Text), begins(b.Text)), cmp.Compare(b.seen, a.seen), cmp.Compare(a.Text, b.Text))
	})
	return all[:min(len(all), w.limit)], nil
}

// merge adds what is found in more rows.
func merge(all, more []AttributeValue) []AttributeValue {
	for _, v := range more {
		i := slices.IndexFunc(all, func(o AttributeValue) bool { return o.Kind == v.Kind && o.Text == v.Text })
		if i < 0 {
			all = append(all, v)
			continue
		}
		all[i].seen += v.seen
	}
	return all
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
