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
	//go:embed sql/query/keys.sql
	keysOfBuckets string
	//go:embed sql/query/values.sql
	valuesOfBuckets string
	//go:embed sql/query/attribute_kept.sql
	attributeKept string
)

// Lists of names and values to choose from need not be whole. Attributes without a column
// are listed from the table attributes, which is filled from some rows of inserts; those
// with one, those under a condition and those that the table has not met from newest rows.

const (
	usualCompletions = 20
	maxValues        = 1000
	maxKeys          = 10_000
)

// completed is a table whose filters people type.
type completed struct {
	table      string // as the table of what is kept names it
	rows, time string // SQL
	schema     *schema
}

func completedTable(of signal.FilterOf) (completed, error) {
	switch of {
	case signal.OfSpans:
		return completed{"spans", spansPlace + " AS spans", "spans.start", spanSchema}, nil
	case signal.OfLogs:
		return completed{"logs", "logs", "logs.time", logSchema}, nil
	}
	return completed{}, fmt.Errorf("%w: completion of %q; want %s or %s", ErrBadQuery, of, signal.OfSpans, signal.OfLogs)
}

// wanted is what of a list is wanted: what holds a text, so many, in a window.
type wanted struct {
	typed  string
	window signal.Window
	limit  int
}

func (w wanted) params(more ...any) []any {
	return append(append(windowParams(w.window), Param("typed", w.typed), Param("limit", w.limit)), more...)
}

// foundKey is an attribute without a column that rows have.
type foundKey struct {
	scope filter.Scope
	name  string
	seen  uint64
}

// keys lists attributes without a column, the most frequent first, those that begin with
// what was typed before those that hold it.
func (s *Store) keys(ctx context.Context, t completed, w wanted) ([]foundKey, error) {
	scan := func(rows driver.Rows) (k foundKey, err error) {
		err = rows.Scan((*string)(&k.scope), &k.name, &k.seen)
		return k, err
	}
	all, err := collect(ctx, s, keysOfBuckets, scan, w.params(Param("table", t.table)))
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	return slices.DeleteFunc(all, func(k foundKey) bool { return k.name == signal.KeyTypes }), nil
}

// CompleteKeys lists keys that hold what was typed, as a filter has them: the names of
// columns, whether or not a row has one, and attributes of the rows of the window.
func (s *Store) CompleteKeys(ctx context.Context, q signal.CompletionQuery) ([]signal.Completion, error) {
	t, err := completedTable(q.Of)
	if err != nil {
		return nil, err
	}
	most := limit(q.Limit, usualCompletions)
	found, err := s.keys(ctx, t, wanted{q.Typed, window(q.Start, q.End, time.Now()), 2 * most}) // one may be of both scopes
	if err != nil {
		return nil, err
	}
	all := columnKeys(t.schema, q.Typed)
	at := map[string]int{}
	for _, k := range found {
		if _, column := t.schema.column(filter.Comparison{Key: k.name}); column {
			continue
		}
		i, ok := at[k.name]
		if !ok {
			i, at[k.name] = len(all), len(all)
			all = append(all, signal.Completion{Text: k.name})
		}
		all[i].Seen += k.seen
	}
	begins := beginsWith(q.Typed)
	slices.SortStableFunc(all, func(a, b signal.Completion) int { return cmp.Compare(begins(a.Text), begins(b.Text)) })
	return all[:min(len(all), most)], nil
}

// beginsWith ranks what begins with what was typed, in any case, before what holds it.
func beginsWith(typed string) func(text string) int {
	typed = strings.ToLower(typed)
	return func(text string) int {
		if strings.HasPrefix(strings.ToLower(text), typed) {
			return 0
		}
		return 1
	}
}

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

// Keys are the names of attributes, sorted.
type Keys struct{ Span, Resource []string }

// AttributeKeys lists the names of attributes of the spans of a window, and those that
// have a column, whether or not a span of the window has them.
func (s *Store) AttributeKeys(ctx context.Context, w signal.Window) (Keys, error) {
	t, err := completedTable(signal.OfSpans)
	if err != nil {
		return Keys{}, err
	}
	found, err := s.keys(ctx, t, wanted{"", window(w.Start, w.End, time.Now()), maxKeys})
	if err != nil {
		return Keys{}, err
	}
	of := map[filter.Scope][]string{
		filter.Span: slices.Collect(maps.Keys(t.schema.span)), filter.Resource: slices.Collect(maps.Keys(t.schema.resource)),
	}
	for _, k := range found {
		of[k.scope] = append(of[k.scope], k.name)
	}
	for _, names := range of {
		slices.Sort(names)
	}
	return Keys{Span: slices.Compact(of[filter.Span]), Resource: slices.Compact(of[filter.Resource])}, nil
}

// AttributeValue is what an attribute was: Kind is "string", "number" or "bool".
type AttributeValue struct {
	Kind, Text string

	seen uint64
}

// CompleteValues lists values of a key that hold what was typed, of the rows of the
// window, the most frequent first.
func (s *Store) CompleteValues(ctx context.Context, key string, q signal.CompletionQuery) ([]signal.Completion, error) {
	t, err := completedTable(q.Of)
	if err != nil {
		return nil, err
	}
	of := filter.Comparison{Key: key}
	for _, scope := range []filter.Scope{filter.Span, filter.Resource} {
		if rest, ok := strings.CutPrefix(key, string(scope)+"."); ok {
			of.Key, of.Scope = rest, scope
		}
	}
	found, err := s.values(ctx, t, asked{of: []filter.Comparison{of}}, wanted{q.Typed, window(q.Start, q.End, time.Now()), limit(q.Limit, usualCompletions)})
	if err != nil {
		return nil, fmt.Errorf("complete a value of %s: %w", key, err)
	}
	var all []signal.Completion
	for _, v := range found { // the same text may be of two types
		if i := slices.IndexFunc(all, func(c signal.Completion) bool { return c.Text == v.Text }); i >= 0 {
			all[i].Seen += v.seen
			continue
		}
		all = append(all, signal.Completion{Text: v.Text, Seen: v.seen})
	}
	return all, nil
}

// ValueQuery asks for the values of an attribute, or of several of the same meaning, in
// the spans of a window that meet all filters.
type ValueQuery struct {
	Of      []filter.Comparison // key and scope
	Filters []filter.Expr
	Window  signal.Window
	Limit   int // at most 1,000; 0 is as many
}

// AttributeValues lists, sorted, what attributes were, the most frequent ones; empty text
// is left out.
func (s *Store) AttributeValues(ctx context.Context, q ValueQuery) ([]AttributeValue, error) {
	t, err := completedTable(signal.OfSpans)
	if err != nil {
		return nil, err
	}
	w := wanted{"", window(q.Window.Start, q.Window.End, time.Now()), limit(q.Limit, maxValues)}
	found, err := s.values(ctx, t, asked{q.Of, filter.And(q.Filters)}, w)
	if err != nil {
		return nil, fmt.Errorf("list values: %w", err)
	}
	slices.SortFunc(found, func(a, b AttributeValue) int {
		return cmp.Or(cmp.Compare(a.Text, b.Text), cmp.Compare(a.Kind, b.Kind))
	})
	return found, nil
}

// asked is whose values are listed: those of attributes, in rows that meet all filters.
type asked struct {
	of      []filter.Comparison // key and scope
	filters filter.And
}

// values lists what attributes were, ordered and cut as keys are. Where the table has an
// attribute, its answer is the answer, though it keeps some values alone: else whoever
// types what is not there would have rows read at each letter.
func (s *Store) values(ctx context.Context, t completed, a asked, w wanted) ([]AttributeValue, error) {
	if len(a.of) == 0 {
		return nil, nil
	}
	service, ok := a.ofService()
	for _, of := range a.of {
		_, column := t.schema.column(of)
		ok = ok && !column
	}
	if !ok {
		return s.valuesOfRows(ctx, t, a, w)
	}
	var places []string
	c := condition{schema: t.schema}
	for _, of := range a.of {
		place := "key = " + c.text(of.Key)
		if of.Scope != filter.Any {
			place = "(" + place + " AND scope = " + c.text(string(of.Scope)) + ")"
		}
		places = append(places, place)
	}
	text := strings.NewReplacer("{{attribute}}", or(places))
	params := w.params(append(c.params, Param("table", t.table), Param("service", service))...)
	found, err := collect(ctx, s, text.Replace(valuesOfBuckets), scanValue, params)
	if err != nil || len(found) > 0 {
		return found, err
	}
	kept, err := collect(ctx, s, text.Replace(attributeKept), one[uint64], params)
	if err != nil || kept[0] > 0 {
		return nil, err
	}
	return s.valuesNotKept(ctx, t, a, w, whileTyping)
}

// ofService is the service whose rows alone are asked about, empty if all are. It is not
// ok where the filters say anything else.
func (a asked) ofService() (name string, ok bool) {
	if len(a.filters) == 0 {
		return "", true
	}
	c, ok := a.filters[0].(filter.Comparison)
	ok = ok && len(a.filters) == 1 && c.Op == filter.Equal && c.Value.Text != "" &&
		(c.Key == signal.KeyService && c.Scope != filter.Span || c.Key == "service" && c.Scope == filter.Any)
	return c.Value.Text, ok
}

func scanValue(rows driver.Rows) (v AttributeValue, err error) {
	err = rows.Scan(&v.Kind, &v.Text, &v.seen)
	return v, err
}
