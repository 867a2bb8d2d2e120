package clickhouse

import (
	"context"
	"net/url"
	"testing"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestMain(m *testing.M) {
	fillWithOldEngine() // in the child process of a test
	storetest.Child()
	goleak.VerifyTestMain(m)
}

// openMigrated opens the database "sightline" of a fresh engine.
func openMigrated(t *testing.T) *Store {
	t.Helper()
	s := openStore(t, storetest.Start(t))
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func openStore(t testing.TB, dsn string) *Store {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/sightline"
	s, err := Open(context.Background(), Config{DSN: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// count is the number that a query of one row and column gives.
func count(t *testing.T, s *Store, query string, params ...any) uint64 {
	t.Helper()
	var n uint64
	if err := s.conn.QueryRow(t.Context(), query, params...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
