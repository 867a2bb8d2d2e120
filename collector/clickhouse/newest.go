package clickhouse

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/newest_spans.sql
	newestSpans string
	//go:embed sql/query/these_traces.sql
	theseTraces string
	summariesOf = strings.ReplaceAll(searchTraces, "{{traces}}", "trace_id IN ("+theseTraces+")")
)

const (
	// mostIDs bounds how many ids stand in one statement.
	mostIDs = 1000
	// mostNewest bounds how many traces one look at spans brings.
	mostNewest = 4 * mostIDs
	// firstSpans is how many spans the first look reads, about, and with their attributes,
	// which are most of a span: some milliseconds' worth, as each look takes some whatever it
	// reads.
	firstSpans, firstAttributes = 200_000, 50_000
	// shortest is a slice at the least: spans are sorted by the minute.
	shortest = time.Minute
	// summaryTime is for looking at what a question had found when its time was over.
	summaryTime = 5 * time.Second
)

// newest is a search that goes back from the newest span, slice by slice, and asks the
// index for those traces only that a page may need: it is sorted by ids, which are random,
// so that many of them are in nearly every granule.
type newest struct {
	search
	store *Store

	from    time.Time // where the first slice ended
	first   time.Duration
	start   time.Time // of the slice that is looked at
	end     time.Time // from here on all spans have been looked at
	floor   time.Time // each trace that began at it or later has been seen
	all     bool      // each trace has been
	most    int       // traces of one look
	capped  bool      // the last look was ended by that
	seen    map[string]bool
	pending []newestSpan // of traces whose summaries are not there yet; newest first
	again   []newestSpan // of those whose summaries may not be whole: they began before the floor
	found   []signal.TraceSummary
}

// searchNewest finds the traces of a question about one span.
func (s *Store) searchNewest(ctx context.Context, a search) (signal.TracePage, error) {
	n := newNewest(s, a)
	n.first = n.firstSlice(ctx)
	asked, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	err := n.look(asked)
	switch {
	case err == nil:
		return page(n.certain(), n.want), nil
	case !overBudget(asked, err):
		return signal.TracePage{}, fmt.Errorf("search traces: %w", err)
	}
	rest, stop := context.WithTimeout(ctx, summaryTime)
	defer stop()
	if n.summarize(rest) == nil && len(n.certain()) > 0 {
		return partial(n.certain()[:min(len(n.certain()), n.want)], n.floor), nil
	}
	return signal.TracePage{}, fmt.Errorf("search traces: %w: %w", ErrBudget, err)
}

func newNewest(s *Store, a search) *newest {
	end := a.whole.End
	if a.from.before < math.MaxInt64 {
		// A trace that began no later has most often a span that did not, either: the
		// others are asked for beforehand.
		if cut := time.Unix(0, a.from.before+1); cut.Before(end) {
			end = cut
		}
	}
	return &newest{search: a, store: s, from: end, start: end, end: end, floor: end, most: 64 + 2*a.want, seen: map[string]bool{}}
}

// firstSlice is how long the first is.
func (n *newest) firstSlice(ctx context.Context) time.Duration {
	spans := firstSpans
	if n.attributes {
		spans = firstAttributes
	}
	known := n.store.spread(ctx)
	return max(known.back(n.from, float64(spans)), shortest)
}

// look goes back until there is a page.
func (n *newest) look(ctx context.Context) error {
	if err := n.late(ctx); err != nil {
		return err
	}
	for {
		if err := n.further(ctx); err != nil {
			return err
		}
		if len(n.seen) <= n.want && !n.all {
			continue
		}
		if err := n.summarize(ctx); err != nil {
			return err
		}
		if n.all || len(n.certain()) > n.want {
			return nil
		}
	}
}

// late finds traces that began before the page and whose spans that match all came later,
// in the window.
func (n *newest) late(ctx context.Context) error {
	start := n.from
	if start.Before(n.whole.Start) {
		start = n.whole.Start
	}
	if !start.Before(n.whole.End) {
		return nil
	}
	statement, params := n.traces(signal.Window{Start: start, End: n.whole.End}, time.Time{})
	found, err := collect(ctx, n.store, statement, scanSummary, params)
	for _, t := range found { // some may have begun on days that were not looked at
		n.seen[t.TraceID] = true
		n.pending = append(n.pending, newestSpan{t.TraceID, math.MaxInt64})
	}
	return err
}

// newestSpan is when the newest span of a trace began that meets the filter; the trace began
// no later.
type newestSpan struct {
	trace string
	began int64 // ns
}

// further looks at the spans of one more slice.
func (n *newest) further(ctx context.Context) error {
	if !n.capped {
		n.start = n.next()
	}
	statement := strings.ReplaceAll(newestSpans, "{{filter}}", n.filters[0])
	params := append(slices.Clip(n.params), windowParams(signal.Window{Start: n.start, End: n.end})...)
	spans, err := collect(ctx, n.store, statement, func(rows driver.Rows) (s newestSpan, err error) {
		return s, rows.Scan(&s.trace, &s.began)
	}, append(params, Param("limit", n.most)))
	if err != nil {
		return err
	}
	for _, s := range spans {
		if !n.seen[s.trace] {
			n.seen[s.trace] = true
			n.pending = append(n.pending, s)
		}
	}
	n.capped = len(spans) == n.most
	if !n.capped {
		n.floor, n.end, n.all = n.start, n.start, !n.start.After(n.whole.Start)
		return nil
	}
	n.floor = time.Unix(0, spans[len(spans)-1].began+1) // there may be more that began at the same time
	if n.most *= 4; n.floor.Before(n.end) {
		n.most = min(n.most, mostNewest)
	}
	n.end = n.floor
	return nil
}

// next is where the next slice begins: much further back while nothing is found, and then as
// far as will do for a page if there is as much as there was until now. A window of which
// little is left by then is looked at whole, as each look has its price.
func (n *newest) next() time.Time {
	covered, have := n.from.Sub(n.end), len(n.seen)
	if have > n.want {
		have = len(n.certain())
	}
	times, enough := 63.0, 3.0 // of what is covered
	switch {
	case have > 0:
		times, enough = min(1.25*float64(n.want+1-have)/float64(have), 15), 0.25
	case covered > 2*time.Hour:
		times, enough = 7, 0.25
	case covered > time.Minute:
		times = 15
	}
	if covered == 0 {
		covered = n.first
	} else {
		covered += max(time.Duration(times*float64(covered)), shortest)
	}
	start := n.from.Add(-covered)
	if left := start.Sub(n.whole.Start); covered > retention || float64(left) <= enough*float64(covered) {
		return n.whole.Start
	}
	return start
}

// summarize asks the index for the traces that it has not been asked for, the newest first,
// until they do for a page. It reads the days from the one before the floor's on: a trace
// that seems to have begun on that one may have begun before, and is asked for again when the
// floor is further back.
func (n *newest) summarize(ctx context.Context) error {
	n.pending, n.again = append(n.again, n.pending...), nil
	midnight := n.floor.UTC().Truncate(24 * time.Hour)
	for most := n.want + n.want/4 + 4; len(n.pending) > 0 && len(n.certain()) <= n.want; most = mostIDs {
		part := n.pending[:min(len(n.pending), most, mostIDs)]
		found, err := n.summaries(ctx, part)
		if err != nil {
			return err
		}
		n.pending = n.pending[len(part):]
		early := map[string]bool{}
		for _, t := range found {
			if !n.all && t.Start.Before(midnight) {
				early[t.TraceID] = true
				continue
			}
			n.found = append(n.found, t)
		}
		for _, p := range part {
			if early[p.trace] {
				n.again = append(n.again, p)
			}
		}
		slices.SortFunc(n.found, func(a, b signal.TraceSummary) int {
			return cmp.Or(b.Start.Compare(a.Start), strings.Compare(b.TraceID, a.TraceID))
		})
	}
	return nil
}

// summaries are those of some traces, in no order.
func (n *newest) summaries(ctx context.Context, of []newestSpan) ([]signal.TraceSummary, error) {
	ids := make([]string, len(of))
	for i, p := range of {
		ids[i] = p.trace
	}
	params := append(slices.Clip(n.params), windowParams(signal.Window{Start: n.floor, End: n.whole.End})...)
	return collect(ctx, n.store, summariesOf, scanSummary,
		append(params, Param("ids", strings.Join(ids, ",")), Param("floor", int64(0)), Param("limit", len(ids))))
}

// certain are the traces that come before any that has not been seen, or not been asked for.
func (n *newest) certain() []signal.TraceSummary {
	floor := n.floor
	if n.all {
		floor = time.Time{}
	}
	if len(n.pending) > 0 {
		if newest := time.Unix(0, n.pending[0].began); !newest.Before(floor) {
			floor = newest.Add(1)
		}
	}
	end := slices.IndexFunc(n.found, func(t signal.TraceSummary) bool { return t.Start.Before(floor) })
	if end < 0 {
		return n.found
	}
	return n.found[:end]
}
