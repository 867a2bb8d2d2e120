package clickhouse

import (
	"cmp"
	"context"
	_ "embed"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/heatmap.sql
var heatmapOfSpans string

// heatScale is the scale of a heatmap's durations: a bucket is 41 % wide, so that a
// screen's height holds all from microseconds to minutes.
const heatScale = 1

// Heatmap counts the spans that a search is about in so many columns of its time.
func (s *Store) Heatmap(ctx context.Context, q signal.SpanQuery, columns int) (signal.Heatmap, error) {
	c := condition{schema: spanSchema}
	sql, err := c.spans(q)
	if err != nil {
		return signal.Heatmap{}, err
	}
	w := window(q.Search.Start, q.Search.End, time.Now())
	step := steps(w, columns)
	h := signal.Heatmap{Start: w.Start, End: w.End, StepMS: step.Milliseconds(), Scale: heatScale}
	counted := w
	if q.Since.After(w.Start) {
		counted.Start, h.Since = q.Since, &q.Since
	}
	cells := map[[2]int]signal.HeatCell{}
	_, h.Partial, err = countBack(ctx, s, tally{
		what: "count spans", statement: strings.ReplaceAll(heatmapOfSpans, "{{filter}}", sql),
		params: append(c.params, Param("origin", nanos(w.Start)), Param("step", step.Nanoseconds()), Param("per_octave", uint8(1<<heatScale))), window: counted,
	}, scanCell, func(more signal.HeatCell) {
		at := [2]int{more.Column, more.Bucket}
		had := cells[at]
		more.Spans, more.Errors = more.Spans+had.Spans, more.Errors+had.Errors
		cells[at] = more
	})
	if err != nil {
		return signal.Heatmap{}, err
	}
	h.Partial = besides(h.Partial, s.Lacks(ctx, counted, signal.SpanTables()...))
	for _, cell := range cells {
		h.Cells = append(h.Cells, cell)
		h.Spans += cell.Spans
		h.Errors += cell.Errors
	}
	slices.SortFunc(h.Cells, func(a, b signal.HeatCell) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Bucket, b.Bucket))
	})
	return h, nil
}

func scanCell(rows driver.Rows) (signal.HeatCell, error) {
	var (
		column uint32
		bucket int16
		c      signal.HeatCell
	)
	err := rows.Scan(&column, &bucket, &c.Spans, &c.Errors)
	c.Column, c.Bucket = int(column), int(bucket)
	return c, err
}

// spans compiles what a search asks of a span. Conditions on whole traces are asked of
// it too: its own duration, that it has not failed.
func (c *condition) spans(q signal.SpanQuery) (string, error) {
	t, err := searchOf(q.Search)
	if err != nil {
		return "", err
	}
	all := filter.And(t.Filters)
	if t.MaxDuration > 0 {
		all = append(all, compare("duration", filter.LessEqual, filter.DurationValue(t.MaxDuration)))
	}
	if t.NoErrors {
		all = append(all, compare("status", filter.NotEqual, filter.TextValue("error")))
	}
	if q.Roots {
		all = append(all, compare("root", filter.Equal, filter.WordValue("true")))
	}
	return c.compile(all)
}
