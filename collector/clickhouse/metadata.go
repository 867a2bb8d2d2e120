package clickhouse

import (
	"context"
	_ "embed"
	"time"
)

//go:embed sql/insert/metadata.sql
var insertMetadata string

// InsertMetadata stores what metrics are, each once a day: what this store has seen
// today is left out, so it may be told with every batch.
func (s *Store) InsertMetadata(ctx context.Context, token string, all []Metadata) error {
	day := dayOf(time.Now())
	var rows []metadataRow
	met := map[metadataRow]bool{}
	for _, m := range all {
		row := metadataRow{m, day}
		if !met[row] && !s.described.has(row) {
			met[row] = true
			rows = append(rows, row)
		}
	}
	if err := insert(ctx, s, metadataTable(), token, rows); err != nil {
		return err
	}
	s.described.add(met)
	return nil
}

// metadataRow is one row of the table metadata.
type metadataRow struct {
	Metadata

	day time.Time
}

// knownMetadata is of how many rows it is remembered that they are written down.
const knownMetadata = 20_000

func metadataTable() *table[metadataRow] {
	type r = metadataRow
	return &table[r]{name: "metadata", statement: insertMetadata, columns: []field[r]{
		of("metric", func(r *r) string { return r.Metric }),
		of("kind", func(r *r) string { return r.Kind }),
		of("unit", func(r *r) string { return r.Unit }),
		of("help", func(r *r) string { return r.Help }),
		of("day", func(r *r) time.Time { return r.day }),
	}}
}
