package clickhouse

import (
	"context"
	"errors"
	"strings"
)

// Versions is the newest schema's number.
func Versions() (int, error) {
	all, err := migrations()
	return len(all), err
}

// MigrateTo leaves the database as a version of Sightline left it whose newest migration
// had this number.
func (s *Store) MigrateTo(ctx context.Context, version int) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	return s.apply(ctx, all[:version])
}

// MigrateAlone makes the newest schema of a cluster as far as one engine without Keeper
// can: not ON CLUSTER, and not replicated.
func (s *Store) MigrateAlone(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	if err := s.admin.Exec(ctx, createDatabase, Param("database", s.database)); err != nil {
		return err
	}
	alone := strings.NewReplacer(" ON CLUSTER `"+s.cluster.name+"`", "", "ENGINE = Replicated", "ENGINE = ", " replicated_", " non_replicated_")
	for _, m := range all {
		statements, err := s.cluster.statements(m.statement)
		for _, one := range statements {
			err = errors.Join(err, s.conn.Exec(ctx, alone.Replace(one)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// InsertSpansByService stores spans as versions did before there was spans_by_time.
func (s *Store) InsertSpansByService(ctx context.Context, token string, rows []SpanRow) error {
	before := spansTable()
	before.name, before.statement = "spans", strings.Replace(before.statement, before.name, "spans", 1)
	return insert(ctx, s, before, token, rows)
}
