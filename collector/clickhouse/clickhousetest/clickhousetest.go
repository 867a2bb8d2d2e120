// Package clickhousetest opens the mesh's tables for tests of what reads and writes them.
package clickhousetest

import (
	"errors"
	"net/url"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// Open is the database "sightline" of a store, with the newest tables, until the test
// ends. dsn is what storetest gives.
func Open(t testing.TB, dsn string) *clickhouse.Store {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/sightline"
	s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Exec runs a statement that no code of the mesh does: what a test needs to prepare the
// store that dsn names.
func Exec(t testing.TB, dsn, statement string) {
	t.Helper()
	o, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := driver.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Exec(t.Context(), statement), c.Close()); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
