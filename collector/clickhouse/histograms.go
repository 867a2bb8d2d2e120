package clickhouse

import (
	_ "embed"

	"github.com/prometheus/prometheus/model/histogram"
)

//go:embed sql/insert/histograms.sql
var insertHistograms string

func histogramsTable() *table[sampleRow] {
	type r = sampleRow
	return &table[r]{name: "histograms", statement: insertHistograms, columns: []field[r]{
		of("metric", func(r *r) string { return r.Metric }),
		of("fingerprint", func(r *r) uint64 { return r.fingerprint }),
		of("ms", func(r *r) int64 { return r.Time.UnixMilli() }),
		of("start_ms", func(r *r) int64 { return r.startMS() }),
		of("reset", func(r *r) uint8 { return uint8(r.Histogram.CounterResetHint) }),
		of("schema", func(r *r) int8 { return int8(r.Histogram.Schema) }),
		of("zero_threshold", func(r *r) float64 { return r.Histogram.ZeroThreshold }),
		of("zero_count", func(r *r) float64 { return r.Histogram.ZeroCount }),
		of("count", func(r *r) float64 { return r.Histogram.Count }),
		of("sum", func(r *r) float64 { return r.Histogram.Sum }),
		of("positive_spans", func(r *r) []int32 { return spanPairs(r.Histogram.PositiveSpans) }),
		of("positive", func(r *r) []float64 { return r.Histogram.PositiveBuckets }),
		of("negative_spans", func(r *r) []int32 { return spanPairs(r.Histogram.NegativeSpans) }),
		of("negative", func(r *r) []float64 { return r.Histogram.NegativeBuckets }),
		of("bounds", func(r *r) []float64 { return r.Histogram.CustomValues }),
	}}
}

func spanPairs(spans []histogram.Span) []int32 {
	out := make([]int32, 0, 2*len(spans))
	for _, s := range spans {
		out = append(out, s.Offset, int32(s.Length))
	}
	return out
}
