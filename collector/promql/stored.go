package promql

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"golang.org/x/sync/errgroup"
)

//go:embed sql/series.sql
var seriesSQL string

// maxFingerprints is how many series a statement may name; with more of them reading
// all of the metric is the better way.
const maxFingerprints = 2000

// stored reads the series that recording rules, alerts and applications wrote.
func (q *querier) stored(ctx context.Context, h *storage.SelectHints, matchers []*labels.Matcher) ([]storage.Series, error) {
	byMetric, err := q.storedLabels(ctx, h.Start, h.End, matchers)
	if err != nil {
		return nil, err
	}
	var out []storage.Series
	left := q.maxRows
	for metric, all := range byMetric {
		if h.Func != forSeries {
			n, err := q.fill(ctx, h, metric, all, left)
			if err != nil {
				return nil, err
			}
			left -= n
		}
		for _, s := range all {
			if h.Func == forSeries || len(s.times) > 0 {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// storedLabels finds the series that match and were written to between two times (ms,
// to the day), by metric and fingerprint.
func (q *querier) storedLabels(ctx context.Context, start, end int64, matchers []*labels.Matcher) (map[string]map[uint64]*series, error) {
	names, values := equals(matchers)
	rows, err := q.store.Query(ctx, seriesSQL,
		clickhouse.Named("metric", exact(matchers, model.MetricNameLabel)),
		clickhouse.Named("start", clampDay(start)), clickhouse.Named("end", clampDay(end)),
		clickhouse.Named("names", names), clickhouse.Named("values", values))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[uint64]*series{}
	for n := 0; rows.Next(); n++ {
		if n == q.maxSeries {
			return nil, errTooMany
		}
		var metric string
		var id uint64
		var pairs map[string]string
		if err := rows.Scan(&metric, &id, &pairs); err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		l := labels.NewBuilder(labels.FromMap(pairs)).Set(model.MetricNameLabel, metric).Labels() // without empty ones
		if !matches(matchers, l) {
			continue
		}
		if out[metric] == nil {
			out[metric] = map[uint64]*series{}
		}
		out[metric][id] = &series{labels: l}
	}
	return out, rows.Err()
}

// equals are the labels that matchers fix, and to what. The store looks at them, so
// that the labels of other series need not be sent.
func equals(matchers []*labels.Matcher) (names, values []string) {
	names, values = []string{}, []string{}
	for _, m := range matchers {
		if m.Type == labels.MatchEqual && m.Name != model.MetricNameLabel {
			names, values = append(names, m.Name), append(values, m.Value)
		}
	}
	return names, values
}

// lastDay is one that the store's type for days still holds.
var lastDay = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// clampDay brings a time to what the store's type for days holds.
func clampDay(ms int64) int64 { return min(max(ms, 0), lastDay) }

// fill reads the values and histograms of a metric's series, at most limit, and says
// how many.
func (q *querier) fill(ctx context.Context, h *storage.SelectHints, metric string, all map[uint64]*series, limit int) (int, error) {
	between := func(start int64) []any {
		return append(ofSeries(metric, all, start, h.End), clickhouse.Named("limit", uint64(limit)+1))
	}
	var values, histograms int
	found := map[uint64]*series{} // by a goroutine of its own, merged below
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		values, err = q.values(ctx, between(h.Start), all)
		return err
	})
	g.Go(func() (err error) {
		histograms, err = q.histograms(ctx, between(h.Start-q.before(h)), found)
		return err
	})
	if err := g.Wait(); err != nil {
		return 0, err
	}
	if values+histograms > limit {
		return 0, errTooMany
	}
	for id, s := range all {
		if with := found[id]; with != nil {
			s.add(with)
		}
		s.sort()
		s.compare()
		s.cut(h.Start)
	}
	return values + histograms, nil
}

// ofSeries are the parameters of statements that read of a metric's series between two
// times (ms).
func ofSeries(metric string, all map[uint64]*series, start, end int64) []any {
	return []any{
		clickhouse.Named("metric", metric),
		clickhouse.Named("start", start), clickhouse.Named("end", end),
		clickhouse.Named("all", strconv.FormatBool(len(all) > maxFingerprints)),
		clickhouse.Named("fingerprints", fingerprints(all)),
	}
}

// fingerprints writes the array that the statement takes.
func fingerprints(all map[uint64]*series) string {
	if len(all) > maxFingerprints {
		return "[]"
	}
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, strconv.FormatUint(id, 10))
	}
	return "[" + strings.Join(ids, ",") + "]"
}
