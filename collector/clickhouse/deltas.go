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
	var d signal.Deltas
	w := window(q.Search.Start, q.Search.End, time.Now())
	w.Start, d.Partial, err = countBack(ctx, s, tally{
		what: "count spans to compare", statement: statement(deltaSizes), params: params, window: w,
		enough: func() bool { return d.Inside > 0 && d.Inside+d.Outside >= enoughSpans },
	}, scanSizes, func(n [2]uint64) {
		d.Inside, d.Outside = d.Inside+n[0], d.Outside+n[1]
	})
	if err != nil || d.Inside == 0 || d.Outside == 0 {
		return d, err
	}
	rows, err := s.pairs(ctx, statement(deltasOfSpans), append(params, windowParams(w)...), d)
	if err != nil {
		return signal.Deltas{}, err
	}
	compareSets(&d, rows, mentioned(selection))
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

func scanSizes(rows driver.Rows) (n [2]uint64, err error) {
	err = rows.Scan(&n[0], &n[1])
	return n, err
}

// pairs reads the keys and values of both sets.
func (s *Store) pairs(ctx context.Context, statement string, params []any, d signal.Deltas) ([]deltaRow, error) {
	in, out := pairSampling(d.Inside), pairSampling(d.Outside)
	params = append(params, Param("inside_every", in), Param("outside_every", out), Param("limit", maxCompareKeys),
		Param("inside", float64(d.Inside)/float64(in)), Param("outside", float64(d.Outside)/float64(out)))
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
	scope filter.Scope
	key   signal.DeltaKey
}

func scanDelta(rows driver.Rows) (deltaRow, error) {
	var (
		d     deltaRow
		scope string
		most  [][]any
	)
	if err := rows.Scan(&scope, &d.key.Key, &d.key.Inside, &d.key.Outside, &d.key.Distinct, &most); err != nil {
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
