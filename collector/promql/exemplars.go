package promql

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/exemplars.sql
	exemplarsSQL string
	//go:embed sql/span_exemplars.sql
	spanExemplarsSQL string
)

const (
	// maxExemplars bounds those of one metric; the newest stay.
	maxExemplars = 5000
	// stretches is into how many parts a range is divided, each with exemplars of its own.
	stretches = 200
)

// exemplars finds those of the series that match, by the series' labels.
func (q *querier) exemplars(ctx context.Context, matchers []*labels.Matcher) (map[string]*exemplar.QueryResult, error) {
	out := map[string]*exemplar.QueryResult{}
	for _, m := range metrics() {
		if !m.histogram() || !accepts(matchers, model.MetricNameLabel, m.name) {
			continue
		}
		if err := q.spanExemplars(ctx, &m, matchers, out); err != nil {
			return nil, fmt.Errorf("read exemplars of %s: %w", m.name, err)
		}
	}
	byMetric, err := q.storedLabels(ctx, q.mint, q.maxt, matchers)
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	for metric, all := range byMetric {
		if err := q.storedExemplars(ctx, metric, all, out); err != nil {
			return nil, fmt.Errorf("read exemplars of %s: %w", metric, err)
		}
	}
	return out, nil
}

func (q *querier) storedExemplars(ctx context.Context, metric string, all map[uint64]*series, out map[string]*exemplar.QueryResult) error {
	params := append(ofSeries(metric, all, q.mint, q.maxt), clickhouse.Named("limit", uint64(maxExemplars)))
	rows, err := q.store.Query(ctx, exemplarsSQL, params...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id uint64
		var e exemplar.Exemplar
		var pairs map[string]string
		if err := rows.Scan(&id, &e.Ts, &e.Value, &pairs); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if s := all[id]; s != nil {
			e.Labels = labels.FromMap(pairs)
			found(out, s.labels, e)
		}
	}
	return rows.Err()
}

func found(out map[string]*exemplar.QueryResult, l labels.Labels, e exemplar.Exemplar) {
	name := l.String()
	if out[name] == nil {
		out[name] = &exemplar.QueryResult{SeriesLabels: l}
	}
	out[name].Exemplars = append(out[name].Exemplars, e)
}

// spanExemplars takes requests whose spans were kept for exemplars of a histogram of
// durations: each belongs to the narrowest bucket that counts it.
func (q *querier) spanExemplars(ctx context.Context, m *metric, matchers []*labels.Matcher, out map[string]*exemplar.QueryResult) error {
	rows, err := q.store.Query(ctx, spanExemplarsSQL,
		clickhouse.Named("start", clampDay(q.mint)), clickhouse.Named("end", clampDay(q.maxt)),
		clickhouse.Named("reporter", exact(matchers, "reporter")),
		clickhouse.Named("stretch", max((q.maxt-q.mint)/second/stretches, 1)),
		clickhouse.Named("limit", uint64(maxExemplars)))
	if err != nil {
		return err
	}
	defer rows.Close()
	b := newBuilder(m, &schedule{}, selection{matchers: matchers})
	for rows.Next() {
		var k key
		var self, selfVersion, peer, peerVersion, trace, span string
		var e exemplar.Exemplar
		if err := rows.Scan(&k.reporter, &self, &selfVersion, &peer, &peerVersion, &k.route, &k.method, &k.status,
			&k.grpcStatus, &k.flags, &k.protocol, &k.mtls, &e.Ts, &e.Value, &trace, &span); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		k.source, k.sourceVersion, k.destination, k.destinationVersion = self, selfVersion, peer, peerVersion
		if k.reporter == signal.Destination {
			k.source, k.sourceVersion, k.destination, k.destinationVersion = peer, peerVersion, self, selfVersion
		}
		e.Labels = labels.FromStrings("span_id", span, "trace_id", trace)
		s := b.bucketOf(&k, e.Value)
		e.Value /= m.unit
		if s != nil {
			found(out, s.labels, e)
		}
	}
	return rows.Err()
}

// bucketOf is the series of the narrowest bucket that counts a value in milliseconds, or
// of the native histogram; nil where the matchers refuse it.
func (b *builder) bucketOf(k *key, v float64) *counter {
	if !b.metric.covers(k) {
		return nil
	}
	var le string
	for _, b := range b.metric.buckets(func(string) bool { return true }) {
		if le = b.le; v <= b.upTo {
			break
		}
	}
	if s := b.named(k, le); len(s) > 0 {
		return s[0]
	}
	return nil
}

// sortedExemplars are results in order of labels, each in order of time.
func sortedExemplars(all map[string]*exemplar.QueryResult) []*exemplar.QueryResult {
	out := slices.SortedFunc(maps.Values(all), func(a, b *exemplar.QueryResult) int {
		return labels.Compare(a.SeriesLabels, b.SeriesLabels)
	})
	for _, r := range out {
		slices.SortStableFunc(r.Exemplars, func(a, b exemplar.Exemplar) int { return cmp.Compare(a.Ts, b.Ts) })
	}
	return out
}
