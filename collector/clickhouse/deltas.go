package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/deltas.sql
	deltasOfSpans string
	//go:embed sql/query/delta_sizes.sql
	deltaSizes string
)

const (
	// maxCompared is about how many spans of each set are looked at: with so many, shares
	// that differ by a percent stand out from chance.
	maxCompared = 20_000
	// enoughSpans is how many are counted before it is looked no further back: all of their
	// attributes are read, some seconds' worth.
	enoughSpans = 2_000_000
	// maxCompareKeys bounds what comes back of spans that put identifiers into keys.
	maxCompareKeys = 200
)

// Deltas compares the selected spans of a set with the rest of it.
func (s *Store) Deltas(ctx context.Context, q signal.DeltaQuery) (signal.Deltas, error) {
	c := condition{schema: spanSchema}
	within, err := c.spans(q.SpanQuery)
	if err != nil {
		return signal.Deltas{}, err
	}
	selection, selected, err := c.selection(q.Selected)
	if err != nil {
		return signal.Deltas{}, err
	}
	statement := func(text string) string {
		return strings.NewReplacer("{{filter}}", within, "{{selected}}", selected).Replace(text)
	}
	to := q.To
	if to.IsZero() {
		to = time.Unix(0, math.MaxInt64)
	}
	params := append(c.params, Param("from", nanos(q.From)), Param("to", nanos(to)))
	var (
		d               signal.Deltas
		inside, outside setSize
	)
	w := window(q.Search.Start, q.Search.End, time.Now())
	w.Start, d.Partial, err = countBack(ctx, s, tally{
		what: "count spans to compare", statement: statement(deltaSizes), params: params, window: w,
		enough: func() bool { return inside.stored > 0 && inside.stored+outside.stored >= enoughSpans },
	}, scanSizes, func(n [2]setSize) {
		inside.add(n[0])
		outside.add(n[1])
	})
	d.Inside, d.Outside = inside.spans(), outside.spans()
	d.Partial = besides(d.Partial, s.Lacks(ctx, w, signal.SpanTables()...))
	if err != nil || inside.stored == 0 || outside.stored == 0 {
		return d, err
	}
	rows, err := s.pairs(ctx, statement(deltasOfSpans), append(params, windowParams(w)...), inside, outside)
	if err != nil {
		return signal.Deltas{}, err
	}
	comparison{inside.evidence(), outside.evidence(), mentioned(selection)}.sets(&d, rows)
	d.Keys = d.Keys[:min(len(d.Keys), limit(q.Limit, 20))]
	return d, nil
}

// selection compiles what tells the selected spans from the others; nothing is all.
func (c *condition) selection(text string) (filter.Expr, string, error) {
	if text == "" {
		return filter.And{}, "1", nil
	}
	e, err := filter.Parse(text)
	if err != nil {
		return nil, "", fmt.Errorf("%w: selected: %s", ErrBadQuery, err) //nolint:errorlint // its place is not one of the filter's
	}
	sql, err := c.compile(e)
	return e, sql, err
}

// setSize is how large a set of spans is.
type setSize struct {
	weight  float64 // how many spans those that were stored stand for
	squares float64 // of their weights
	stored  uint64
}

func (s *setSize) add(o setSize) {
	s.weight, s.squares, s.stored = s.weight+o.weight, s.squares+o.squares, s.stored+o.stored
}

func (s setSize) spans() uint64 { return uint64(math.Round(s.weight)) }

// evidence is how many spans of which nobody left any out would say as much about the set
// as one that it is said to have: less than 1 where some stand for others (Kish's effective
// size of a sample).
func (s setSize) evidence() float64 { return s.weight / s.squares }

func scanSizes(rows driver.Rows) (n [2]setSize, err error) {
	err = rows.Scan(&n[0].weight, &n[1].weight, &n[0].squares, &n[1].squares, &n[0].stored, &n[1].stored)
	return n, err
}

// pairs reads the keys and values of both sets.
func (s *Store) pairs(ctx context.Context, statement string, params []any, inside, outside setSize) ([]deltaRow, error) {
	in, out := pairSampling(inside.stored), pairSampling(outside.stored)
	params = append(params, Param("inside_every", in), Param("outside_every", out), Param("limit", maxCompareKeys),
		Param("inside", inside.weight/float64(in)), Param("outside", outside.weight/float64(out)))
	budget, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	rows, err := collect(budget, s, statement, scanDelta, params)
	switch {
	case overBudget(budget, err):
		return nil, fmt.Errorf("compare spans: %w: %w", ErrBudget, err)
	case err != nil:
		return nil, fmt.Errorf("compare spans: %w", err)
	}
	return rows, nil
}

// pairSampling is of how many traces one is looked at.
func pairSampling(spans uint64) uint64 { return (spans + maxCompared - 1) / maxCompared }

type deltaRow struct {
	scope  filter.Scope
	key    signal.DeltaKey
	stored uint64 // spans that have it, whatever each stands for
}

func scanDelta(rows driver.Rows) (deltaRow, error) {
	var (
		d     deltaRow
		scope string
		most  [][]any
	)
	if err := rows.Scan(&scope, &d.key.Key, &d.key.Inside, &d.key.Outside, &d.stored, &d.key.Distinct, &most); err != nil {
		return d, err
	}
	d.scope = filter.Scope(scope)
	for _, m := range most {
		var v signal.DeltaValue
		v.Value, _ = m[1].(string)
		v.Inside, _ = m[2].(uint64)
		v.Outside, _ = m[3].(uint64)
		d.key.Values = append(d.key.Values, v)
	}
	return d, nil
}
