package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/filter"
	"github.com/sightline-mesh/sightline/collector/signal"
)

//go:embed sql/query/matching_spans.sql
var matchingSpans string

// Matches are the spans for which a search found a trace.
type Matches struct {
	Spans []StoredSpan // the earliest
	Total uint64
}

// MatchingSpans gives, by trace id, the earliest spans of found traces that meet one of
// the filters of the search which found them: so many of each trace, at most 1,000.
func (s *Store) MatchingSpans(ctx context.Context, filters []filter.Expr, found []signal.TraceSummary, each int) (map[string]Matches, error) {
	if len(found) == 0 {
		return map[string]Matches{}, nil
	}
	var any filter.Expr = filter.And{}
	if len(filters) > 0 {
		any = filter.Or(filters)
	}
	c := condition{schema: spanSchema}
	sql, err := c.compile(any)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(found))
	from, until := found[0].Start, found[0].Start
	for i, t := range found {
		ids[i] = t.TraceID
		if t.Start.Before(from) {
			from = t.Start
		}
		if end := t.Start.Add(time.Duration(t.DurationNS)); end.After(until) {
			until = end
		}
	}
	type match struct {
		span  StoredSpan
		total uint64
	}
	scan := func(rows driver.Rows) (m match, err error) {
		m.span, err = scanSpan(rows, &m.total)
		return m, err
	}
	statement := strings.ReplaceAll(withSpanColumns(matchingSpans), "{{filter}}", sql)
	all, err := collect(ctx, s, statement, scan, append(c.params,
		Param("ids", strings.Join(ids, ",")), Param("start", nanos(from)), Param("end", nanos(until)), Param("each", limit(each, 1))))
	if err != nil {
		return nil, fmt.Errorf("read matching spans: %w", err)
	}
	out := make(map[string]Matches, len(found))
	for _, m := range all {
		of := out[m.span.TraceID]
		out[m.span.TraceID] = Matches{Spans: append(of.Spans, m.span), Total: m.total}
	}
	return out, nil
}
