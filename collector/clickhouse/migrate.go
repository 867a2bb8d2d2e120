package clickhouse

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed sql/migrate/*.sql
var migrationFiles embed.FS

var (
	//go:embed sql/create_database.sql
	createDatabase string
	//go:embed sql/create_migrations.sql
	createMigrations string
	//go:embed sql/applied_migrations.sql
	appliedMigrations string
	//go:embed sql/record_migration.sql
	recordMigration string
)

// migration is one statement that changes the schema, once per database.
type migration struct {
	version   uint32
	name      string
	statement string
}

// Migrate brings the database to the newest schema, creating it where it is missing.
// It may run on several machines at once and again after a failure: each statement
// does nothing when what it makes is there.
func (s *Store) Migrate(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	return s.apply(ctx, all)
}

// apply brings the database to the last of the migrations.
func (s *Store) apply(ctx context.Context, all []migration) error {
	if err := s.makeDatabase(ctx); err != nil {
		return fmt.Errorf("create database %s: %w", s.database, err)
	}
	if err := s.change(ctx, createMigrations); err != nil {
		return fmt.Errorf("create table of migrations: %w", err)
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if applied[m.version] {
			continue
		}
		if err := s.change(ctx, s.cfg.Tiers.in(m.statement)); err != nil {
			return fmt.Errorf("apply migration %s: %w", m.name, err)
		}
		if err := s.conn.Exec(ctx, recordMigration, Param("version", m.version), Param("name", m.name)); err != nil {
			return fmt.Errorf("record migration %s: %w", m.name, err)
		}
	}
	return nil
}

func (s *Store) makeDatabase(ctx context.Context) error {
	if s.cluster == (cluster{}) {
		return s.admin.Exec(ctx, createDatabase, Param("database", s.database))
	}
	return s.admin.Exec(ctx, "CREATE DATABASE IF NOT EXISTS `"+s.cluster.database+"` ON CLUSTER `"+s.cluster.name+"`")
}

// change runs a statement that changes the schema, on all servers.
func (s *Store) change(ctx context.Context, statement string) error {
	all, err := s.cluster.statements(statement)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := s.conn.Exec(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) applied(ctx context.Context) (map[uint32]bool, error) {
	rows, err := s.conn.Query(ctx, appliedMigrations)
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	defer rows.Close()
	applied := map[uint32]bool{}
	for rows.Next() {
		var version uint32
		if err := rows.Scan(&version); err != nil {
			return nil, fmt.Errorf("read applied migrations: %w", err)
		}
		applied[version] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	return applied, nil
}

// migrations lists the embedded statements in order; the number before the first
// underscore of a file's name is its version.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "sql/migrate/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	all := make([]migration, 0, len(names))
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		all = append(all, migration{version: uint32(version), name: name, statement: string(text)})
	}
	return all, nil
}
