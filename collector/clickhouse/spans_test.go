package clickhouse

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Whether there are spans of an earlier version is learned whoever asks: one who does not
// wait for the answer leaves it to the next.
func TestByServiceIsLearnedForAll(t *testing.T) {
	s := openMigrated(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if s.anyByService(gone) {
		t.Error("an empty store has spans of an earlier version")
	}
	row := SpanRow{
		TraceID: TraceID{1}, SpanID: SpanID{1}, Name: "GET /", Kind: "server", Status: "ok",
		Workload: Workload{Service: "web"}, Start: time.Now(), Hop: Hop{GRPCStatus: -1},
	}
	if err := s.InsertSpansByService(t.Context(), "of an earlier version", []SpanRow{row}); err != nil {
		t.Fatal(err)
	}
	s.byService = byService{}
	if !s.anyByService(t.Context()) {
		t.Error("a store with a span of an earlier version has none")
	}
}

// brokenConn answers no question, and counts them.
type brokenConn struct {
	driver.Conn
	asked int
}

func (c *brokenConn) Query(context.Context, string, ...any) (driver.Rows, error) {
	c.asked++
	return nil, errors.New("the disk is away")
}

// A store that cannot say whether there are spans of an earlier version is not asked again
// before every search.
func TestByServiceIsNotAskedAtEachSearch(t *testing.T) {
	conn := &brokenConn{}
	s := &Store{conn: conn}
	for range 3 {
		if !s.anyByService(t.Context()) {
			t.Error("what cannot be learned is taken for no")
		}
	}
	if conn.asked != 1 {
		t.Errorf("asked %d times, want 1", conn.asked)
	}
}
