package promql

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

var (
	//go:embed sql/series.sql
	seriesSQL string
	//go:embed sql/samples.sql
	samplesSQL string
)

// maxFingerprints is how many series a statement may name; with more of them reading
// all of the metric is the better way.
const maxFingerprints = 2000

// stored reads the series that recording rules, alerts and applications wrote.
func (q *querier) stored(ctx context.Context, h *storage.SelectHints, matchers []*labels.Matcher) ([]storage.Series, error) {
	byMetric, err := q.storedLabels(ctx, h, matchers)
	if err != nil {
		return nil, err
	}
	var out []storage.Series
	for metric, series := range byMetric {
		values := map[uint64][]chunks.Sample{}
		if h.Func != forSeries {
			if err := q.values(ctx, h, metric, series, values); err != nil {
				return nil, err
			}
		}
		for id, l := range series {
			if h.Func == forSeries || len(values[id]) > 0 {
				out = append(out, storage.NewListSeries(l, values[id]))
			}
		}
	}
	return out, nil
}

// storedLabels finds the series that match, by metric and fingerprint.
func (q *querier) storedLabels(ctx context.Context, h *storage.SelectHints, matchers []*labels.Matcher) (map[string]map[uint64]labels.Labels, error) {
	rows, err := q.store.Query(ctx, seriesSQL,
		clickhouse.Named("metric", exact(matchers, model.MetricNameLabel)),
		clickhouse.Named("start", h.Start), clickhouse.Named("end", h.End))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[uint64]labels.Labels{}
	for rows.Next() {
		var metric string
		var id uint64
		var pairs map[string]string
		if err := rows.Scan(&metric, &id, &pairs); err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		b := labels.NewBuilder(labels.FromMap(pairs))
		l := b.Set(model.MetricNameLabel, metric).Labels()
		if !matches(matchers, l) {
			continue
		}
		if out[metric] == nil {
			out[metric] = map[uint64]labels.Labels{}
		}
		out[metric][id] = l
	}
	return out, rows.Err()
}

// values reads the values of a metric's series into a map by fingerprint.
func (q *querier) values(ctx context.Context, h *storage.SelectHints, metric string, series map[uint64]labels.Labels, into map[uint64][]chunks.Sample) error {
	rows, err := q.store.Query(ctx, samplesSQL,
		clickhouse.Named("metric", metric),
		clickhouse.Named("start", h.Start), clickhouse.Named("end", h.End),
		clickhouse.Named("all", strconv.FormatBool(len(series) > maxFingerprints)),
		clickhouse.Named("fingerprints", fingerprints(series)))
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == q.maxRows {
			return errTooMany
		}
		var id uint64
		var s sample
		if err := rows.Scan(&id, &s.t, &s.v); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if _, ok := series[id]; ok {
			into[id] = appendSample(into[id], s)
		}
	}
	return rows.Err()
}

// appendSample keeps one value per time, the last one read.
func appendSample(all []chunks.Sample, s sample) []chunks.Sample {
	if n := len(all); n > 0 && all[n-1].T() == s.t {
		all[n-1] = s
		return all
	}
	return append(all, s)
}

// fingerprints writes the array that the statement takes.
func fingerprints(series map[uint64]labels.Labels) string {
	if len(series) > maxFingerprints {
		return "[]"
	}
	ids := make([]string, 0, len(series))
	for id := range series {
		ids = append(ids, strconv.FormatUint(id, 10))
	}
	return "[" + strings.Join(ids, ",") + "]"
}

// sample is a float at a time, a chunks.Sample.
type sample struct {
	t int64
	v float64
}

func (s sample) T() int64                    { return s.t }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.v }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
