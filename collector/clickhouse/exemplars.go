package clickhouse

import (
	"context"
	_ "embed"
)

//go:embed sql/insert/exemplars.sql
var insertExemplars string

// InsertExemplars stores exemplars, and the labels of their series where those are new
// today, as InsertSamples does. A batch whose token was stored already is not stored again.
func (s *Store) InsertExemplars(ctx context.Context, token string, all []Exemplar) error {
	rows := make([]exemplarRow, len(all))
	met := s.newDays(len(all))
	for i, e := range all {
		rows[i] = exemplarRow{Fingerprint(e.Metric, e.Labels), e}
		met.meet(rows[i].fingerprint, &Sample{Metric: e.Metric, Labels: e.Labels, Time: e.Time})
	}
	var l losses
	day := func(i int) seriesDay { return dayOfSeries(rows[i].fingerprint, rows[i].Time) }
	if err := l.of(met.insert(ctx, token+"-exemplars"), func(lost []int) []int { return met.without(lost, len(rows), day) }); err != nil {
		return err
	}
	if err := l.of(insert(ctx, s, exemplarsTable(), token, rows), func(lost []int) []int { return lost }); err != nil {
		return err
	}
	return l.err()
}

// exemplarRow is one row of the table exemplars.
type exemplarRow struct {
	fingerprint uint64
	Exemplar
}

func exemplarsTable() *table[exemplarRow] {
	type r = exemplarRow
	return &table[r]{name: "exemplars", statement: insertExemplars, columns: []field[r]{
		of("metric", func(r *r) string { return r.Metric }),
		of("fingerprint", func(r *r) uint64 { return r.fingerprint }),
		of("ms", func(r *r) int64 { return r.Time.UnixMilli() }),
		of("value", func(r *r) float64 { return r.Value }),
		of("labels", func(r *r) map[string]string { return r.Of }),
	}}
}
