package clickhouse

import (
	"context"
	_ "embed"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

var (
	//go:embed sql/insert/series.sql
	insertSeries string
	//go:embed sql/insert/samples.sql
	insertSamples string
)

// seriesRow is one row of the table series.
type seriesRow struct {
	metric      string
	fingerprint uint64
	day         time.Time
	labels      map[string]string
}

// sampleRow is what rows of values and of histograms begin with.
type sampleRow struct {
	fingerprint uint64
	Sample
}

// InsertSamples stores values and histograms of metrics or of recording rules, and the
// labels of series that are new today, all or none, but for those that the engine refuses
// for good: of these a *RefusedError tells. A batch whose token was stored already is not
// stored again.
func (s *Store) InsertSamples(ctx context.Context, token string, samples []Sample) error {
	var values, histograms []sampleRow
	met := s.newDays(len(samples))
	for _, v := range samples {
		row := sampleRow{Fingerprint(v.Metric, v.Labels), v}
		if isValue(&v) {
			values = append(values, row)
		} else {
			histograms = append(histograms, row)
		}
		met.meet(row.fingerprint, &v)
	}
	var l losses
	day := func(i int) seriesDay {
		return dayOfSeries(Fingerprint(samples[i].Metric, samples[i].Labels), samples[i].Time)
	}
	if err := l.of(met.insert(ctx, token), func(rows []int) []int { return met.without(rows, len(samples), day) }); err != nil {
		return err
	}
	if err := l.of(insert(ctx, s, samplesTable(), token, values), func(rows []int) []int { return among(samples, isValue, rows) }); err != nil {
		return err
	}
	if err := l.of(insert(ctx, s, histogramsTable(), token, histograms), func(rows []int) []int { return among(samples, isHistogram, rows) }); err != nil {
		return err
	}
	return l.err()
}

func isValue(v *Sample) bool     { return v.Histogram == nil }
func isHistogram(v *Sample) bool { return v.Histogram != nil }

// among is where some of those of a kind stand among samples. The rows are their ascending
// numbers.
func among(samples []Sample, kind func(*Sample) bool, rows []int) (places []int) {
	row := 0
	for i := range samples {
		if len(rows) == 0 {
			break
		}
		if !kind(&samples[i]) {
			continue
		}
		if row == rows[0] {
			places, rows = append(places, i), rows[1:]
		}
		row++
	}
	return places
}

// Fingerprint is the identity of a series: FNV-1a over the name and the sorted labels,
// each with its length. An empty label is as good as none.
func Fingerprint(metric string, labels map[string]string) uint64 {
	h := fnv.New64a()
	var buf []byte
	add := func(s string) {
		buf = append(binary.AppendUvarint(buf[:0], uint64(len(s))), s...)
		h.Write(buf)
	}
	add(metric)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if labels[k] == "" {
			continue
		}
		add(k)
		add(labels[k])
	}
	return h.Sum64()
}

func seriesTable() *table[seriesRow] {
	type r = seriesRow
	return &table[r]{name: "series", statement: insertSeries, columns: []field[r]{
		of("metric", func(r *r) string { return r.metric }),
		of("fingerprint", func(r *r) uint64 { return r.fingerprint }),
		of("day", func(r *r) time.Time { return r.day.UTC() }),
		of("labels", func(r *r) map[string]string { return r.labels }),
	}}
}

func samplesTable() *table[sampleRow] {
	type r = sampleRow
	return &table[r]{name: "samples", statement: insertSamples, columns: []field[r]{
		of("metric", func(r *r) string { return r.Metric }),
		of("fingerprint", func(r *r) uint64 { return r.fingerprint }),
		of("ms", func(r *r) int64 { return r.Time.UnixMilli() }),
		of("start_ms", func(r *r) int64 { return r.startMS() }),
		of("value", func(r *r) float64 { return r.Value }),
	}}
}

// startMS is 0 where the start is not known.
func (r *sampleRow) startMS() int64 {
	if r.Start.IsZero() {
		return 0
	}
	return r.Start.UnixMilli()
}
