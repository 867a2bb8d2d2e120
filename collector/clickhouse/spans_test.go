package clickhouse

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
)

// Whether there are spans of an earlier version is learned whoever asks: one who does not
// wait for the answer leaves it to the next.
func TestSpreadIsLearnedForAll(t *testing.T) {
	s := openMigrated(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if s.spread(gone).earlier {
		t.Error("an empty store has spans of an earlier version")
	}
	row := SpanRow{
		TraceID: TraceID{1}, SpanID: SpanID{1}, Name: "GET /", Kind: "server", Status: "ok",
		Workload: Workload{Service: "web"}, Start: time.Now(), Hop: Hop{GRPCStatus: -1},
	}
	if err := s.InsertSpansByService(t.Context(), "of an earlier version", []SpanRow{row}); err != nil {
		t.Fatal(err)
	}
	s.spreads.asked = time.Time{}
	if !s.spread(t.Context()).earlier {
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
func TestSpreadIsNotAskedAtEachSearch(t *testing.T) {
	conn := &brokenConn{}
	s := &Store{conn: conn}
	for range 3 {
		if !s.spread(t.Context()).earlier {
			t.Error("what cannot be learned is taken for no")
		}
	}
	if conn.asked != 1 {
		t.Errorf("asked %d times, want 1", conn.asked)
	}
}

// What is known of where spans lie is what was stored, of each day.
func TestSpread(t *testing.T) {
	s := openMigrated(t)
	now := time.Now().UTC()
	rows := make([]SpanRow, 5)
	for i := range rows {
		rows[i] = SpanRow{
			TraceID: TraceID{1}, SpanID: SpanID{byte(i)}, Name: "GET /", Kind: "server", Status: "ok",
			Workload: Workload{Service: "web"}, Start: now.Add(-48 * time.Hour * time.Duration(i%2)), Hop: Hop{GRPCStatus: -1},
		}
	}
	if known := s.spread(t.Context()); len(known.days) > 0 || known.days == nil || known.rate != 0 {
		t.Errorf("of an empty store: %+v", known)
	}
	if err := s.InsertSpans(t.Context(), "five", rows); err != nil {
		t.Fatal(err)
	}
	s.spreads.asked = s.spreads.asked.Add(-spreadFor)
	known := s.spread(t.Context())
	want := map[string]uint64{now.Format(time.DateOnly): 3, now.Add(-48 * time.Hour).Format(time.DateOnly): 2}
	if diff := cmp.Diff(want, known.days); diff != "" || known.earlier || known.rate <= 0 || known.rate > 5/spreadFor.Seconds() {
		t.Errorf("%+v: %s", known, diff)
	}
}

func TestSpreadBack(t *testing.T) {
	noon := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	days := map[string]uint64{"2026-03-05": 43_200, "2026-03-04": 864_000, "2026-03-02": 86_400} // 1, 10, 0, 1 a second
	for name, c := range map[string]struct {
		spread
		end   time.Time
		spans float64
		want  time.Duration
	}{
		"nothing is known":          {spread{}, noon, 100, 0},
		"of today":                  {spread{days: days, rate: 0.5}, noon, 3600, time.Hour},
		"more than usual today":     {spread{days: days, rate: 100}, noon, 3600, 36 * time.Second},
		"not more than usual then":  {spread{days: days, rate: 100}, noon.Add(-24 * time.Hour), 3600, 6 * time.Minute},
		"of yesterday, too":         {spread{days: days}, noon, 43_200 + 3600, 12*time.Hour + 6*time.Minute},
		"a day without":             {spread{days: days}, noon, 43_200 + 864_000 + 3600, 60*time.Hour + time.Hour},
		"more than there are":       {spread{days: days}, noon, 1e9, 7*24*time.Hour + 12*time.Hour},
		"an end to come":            {spread{days: days}, noon.Add(time.Minute), 3600, time.Hour + time.Minute},
		"an empty store":            {spread{days: map[string]uint64{}}, noon, 1, 7*24*time.Hour + 12*time.Hour},
		"just after midnight":       {spread{days: days}, noon.Add(-12 * time.Hour), 10, time.Second},
		"an end of two days ago":    {spread{days: days}, noon.Add(-36 * time.Hour), 1, 24*time.Hour + time.Second},
		"an end of the day of none": {spread{days: days}, noon.Add(-48 * time.Hour), 60, 12*time.Hour + time.Minute},
	} {
		c.asked = noon
		if got := c.back(c.end, c.spans); got.Round(time.Millisecond) != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
