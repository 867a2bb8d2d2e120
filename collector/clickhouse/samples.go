package clickhouse

import (
	"context"
	_ "embed"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
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

// sampleRow is one row of the table samples.
type sampleRow struct {
	metric      string
	fingerprint uint64
	ms          int64
	value       float64
}

// InsertSamples stores values of metrics or of recording rules, and the labels of
// series that are new today. A batch whose token was stored already is not stored
// again.
func (s *Store) InsertSamples(ctx context.Context, token string, samples []Sample) error {
	values := make([]sampleRow, len(samples))
	var fresh []seriesRow
	met := map[seriesDay]bool{}
	for i, v := range samples {
		id := Fingerprint(v.Metric, v.Labels)
		values[i] = sampleRow{v.Metric, id, v.Time.UnixMilli(), v.Value}
		day := seriesDay{id, v.Time.Unix() / secondsPerDay}
		if met[day] || s.known.has(day) {
			continue
		}
		met[day] = true
		fresh = append(fresh, seriesRow{v.Metric, id, v.Time, v.Labels})
	}
	if err := insert(ctx, s, seriesTable(), token, fresh); err != nil {
		return err
	}
	s.known.add(met)
	return insert(ctx, s, samplesTable(), token, values)
}

// Fingerprint is the identity of a series: FNV-1a over the name and the sorted labels,
// each with its length.
func Fingerprint(metric string, labels map[string]string) uint64 {
	h := fnv.New64a()
	var buf []byte
	add := func(s string) {
		buf = append(binary.AppendUvarint(buf[:0], uint64(len(s))), s...)
		h.Write(buf)
	}
	add(metric)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		add(k)
		add(labels[k])
	}
	return h.Sum64()
}

const (
	secondsPerDay = 24 * 60 * 60
	// knownSeries bounds the cache; past it a series' labels are written once more,
	// which costs a row until the next merge.
	knownSeries = 200_000
)

type seriesDay struct {
	fingerprint uint64
	day         int64
}

// seriesCache remembers which series are written down already. The zero value is
// ready for use.
type seriesCache struct {
	mu   sync.Mutex
	days map[seriesDay]bool
}

func (c *seriesCache) has(d seriesDay) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.days[d]
}

func (c *seriesCache) add(days map[seriesDay]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.days == nil || len(c.days)+len(days) > knownSeries {
		c.days = make(map[seriesDay]bool, len(days))
	}
	maps.Copy(c.days, days)
}

func seriesTable() table[seriesRow] {
	type r = seriesRow
	return table[r]{name: "series", statement: insertSeries, columns: []field[r]{
		of("metric", func(r *r) string { return r.metric }),
		of("fingerprint", func(r *r) uint64 { return r.fingerprint }),
		of("day", func(r *r) time.Time { return r.day.UTC() }),
		of("labels", func(r *r) map[string]string { return r.labels }),
	}}
}

func samplesTable() table[sampleRow] {
	type r = sampleRow
	return table[r]{name: "samples", statement: insertSamples, columns: []field[r]{
		of("metric", func(r *r) string { return r.metric }),
		of("fingerprint", func(r *r) uint64 { return r.fingerprint }),
		of("ms", func(r *r) int64 { return r.ms }),
		of("value", func(r *r) float64 { return r.value }),
	}}
}
