package promql

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Store runs statements. clickhouse.Store is one.
type Store interface {
	// Query asks a statement. The caller closes the rows.
	Query(ctx context.Context, statement string, params ...any) (driver.Rows, error)
	// Lacks says what answers about a window from some tables lack, since it was damaged;
	// empty for nothing.
	Lacks(ctx context.Context, w signal.Window, tables ...string) string
}

// source is the storage.Queryable over a store.
type source struct {
	store     Store
	lookback  time.Duration
	maxRows   int
	maxRED    int
	maxSeries int
}

func (s *source) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{source: s, mint: mint, maxt: maxt}, nil
}

// querier reads one range of time. It holds nothing that must be given back.
type querier struct {
	*source
	mint, maxt int64
}

func (*querier) Close() error { return nil }

// Select returns the series that match, sorted by their labels.
func (q *querier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if hints == nil {
		hints = &storage.SelectHints{Start: q.mint, End: q.maxt, Step: q.maxt - q.mint + 1}
	}
	n, matchers := noted(matchers)
	all, err := q.read(ctx, hints, selection{matchers, n})
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	slices.SortStableFunc(all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	// What sidecars told goes before what else goes by the same labels.
	all = slices.CompactFunc(all, func(a, b storage.Series) bool { return labels.Equal(a.Labels(), b.Labels()) })
	if hints.Limit > 0 && len(all) > hints.Limit {
		all = all[:hints.Limit]
	}
	return &set{series: all, at: -1, notes: q.lacks(ctx, hints)}
}

// accepts reports whether all matchers of a label let the value through.
func accepts(matchers []*labels.Matcher, name, value string) bool {
	for _, m := range matchers {
		if m.Name == name && !m.Matches(value) {
			return false
		}
	}
	return true
}

// matches reports whether all matchers let the labels through. A label that is not
// there is empty.
func matches(matchers []*labels.Matcher, l labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// exact is the only value that the matchers of a label let through, where one of them
// names it; else "".
func exact(matchers []*labels.Matcher, names ...string) string {
	for _, m := range matchers {
		if m.Type == labels.MatchEqual && slices.Contains(names, m.Name) {
			return m.Value
		}
	}
	return ""
}

// LabelValues lists a label's values in the range, sorted.
func (q *querier) LabelValues(ctx context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	found := map[string]bool{}
	matchers = append(slices.Clone(matchers), noteOf(sumBy+name)) // series that differ in other labels are as one
	notes, err := q.eachSeries(ctx, matchers, func(l labels.Labels) {
		if v := l.Get(name); v != "" {
			found[v] = true
		}
	})
	return sorted(found), notes, err
}

// LabelNames lists the labels of the series in the range, sorted.
func (q *querier) LabelNames(ctx context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	found := map[string]bool{}
	notes, err := q.eachSeries(ctx, matchers, func(l labels.Labels) {
		l.Range(func(l labels.Label) { found[l.Name] = true })
	})
	return sorted(found), notes, err
}

// lacks warns that the store has not all that it had of a range.
func (q *querier) lacks(ctx context.Context, h *storage.SelectHints) (notes annotations.Annotations) {
	w := signal.Window{Start: time.UnixMilli(h.Start), End: time.UnixMilli(h.End)}
	if what := q.store.Lacks(ctx, w, "red", "red_1m", "red_1h", "series", "samples", "histograms"); what != "" {
		notes.Add(fmt.Errorf("this may not be all: %s", what))
	}
	return notes
}

// read reads computed and stored series. Computed ones are added up by sums unless there
// are stored ones with values too, some of which may be the same ones, told by somebody else.
func (q *querier) read(ctx context.Context, h *storage.SelectHints, of selection) ([]storage.Series, error) {
	stored, err := q.stored(ctx, h, of.matchers)
	if err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	if len(stored) > 0 && h.Func != forSeries {
		of.sums = nil
	}
	wanted := slices.DeleteFunc(metrics(), func(m metric) bool { return !accepts(of.matchers, model.MetricNameLabel, m.name) })
	all, err := q.fromRED(ctx, h, wanted, of)
	return append(all, stored...), err
}

// fromRED reads the series of computed metrics.
func (q *querier) fromRED(ctx context.Context, h *storage.SelectHints, wanted []metric, of selection) ([]storage.Series, error) {
	switch {
	case len(wanted) == 0:
		return nil, nil
	case h.Func == forSeries:
		all, err := q.names(ctx, h, wanted, of)
		if err != nil {
			return nil, fmt.Errorf("read names: %w", err)
		}
		return all, nil
	}
	var all []storage.Series
	for i := range wanted {
		some, err := q.computed(ctx, h, &wanted[i], of)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", wanted[i].name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// forSeries is the function in the hints of who wants series without their values.
const forSeries = "series"

// eachSeries calls f with the labels of every series in the range. Nothing is read of
// their values.
func (q *querier) eachSeries(ctx context.Context, matchers []*labels.Matcher, f func(labels.Labels)) (annotations.Annotations, error) {
	set := q.Select(ctx, false, &storage.SelectHints{Start: q.mint, End: q.maxt, Func: forSeries}, matchers...)
	for set.Next() {
		f(set.At().Labels())
	}
	return set.Warnings(), set.Err()
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for v := range set {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// set is a storage.SeriesSet of what is in memory.
type set struct {
	series []storage.Series
	at     int
	notes  annotations.Annotations
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series                { return s.series[s.at] }
func (*set) Err() error                          { return nil }
func (s *set) Warnings() annotations.Annotations { return s.notes }
