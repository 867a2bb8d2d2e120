// Package clickhousetest opens the mesh's tables for tests of what reads and writes them.
package clickhousetest

import (
	"net/url"
	"testing"

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
