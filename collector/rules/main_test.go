package rules

import (
	"net/url"
	"testing"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Child()
	goleak.VerifyTestMain(m)
}

// openStore boots a store with the mesh's tables.
func openStore(t *testing.T) *clickhouse.Store {
	t.Helper()
	u, err := url.Parse(storetest.Start(t))
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
