package clickhouse

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestOldestOfLargest(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	all := []partition{
		{"logs", "1", day(1), false, 10},
		{"red", "1", day(1), false, 500},
		{"red_1m", "1", day(1), false, 9_000},
		{"logs", "2", day(2), false, 10},
		{"spans", "2", day(2), false, 300},
		{"trace_index", "2", day(2), false, 60},
		{"spans", "3", day(3), false, 300},
		{"trace_index", "3", day(3), false, 1},
	}
	tests := []struct {
		name  string
		today time.Time
		want  [][]partition
	}{
		{"until nothing but today's is left", day(3), [][]partition{all[4:6], all[1:2], all[0:1], all[3:4], nil}},
		{"nothing is older", day(1), [][]partition{nil}},
		{"a day before the last", day(2), [][]partition{all[1:2], all[0:1], nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			left := all
			for _, want := range tt.want {
				var got []partition
				got, left = oldestOfLargest(left, tt.today)
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(partition{}), cmpopts.EquateEmpty()); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestTrim(t *testing.T) {
	s := openMigrated(t)
	now := at()
	days := []time.Time{now.AddDate(0, 0, -2), now.AddDate(0, 0, -1), now}
	for _, day := range days {
		row := hop(signal.Source, "web", "cart", 5, 0)
		row.Time = day
		if err := s.InsertRED(t.Context(), day.String(), []REDRow{row}); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertSpans(t.Context(), day.String(), []SpanRow{{Start: day, TraceID: [16]byte{1}, SpanID: [8]byte{1}, Workload: Workload{Service: "web"}, Name: "GET", Kind: "server", Status: "ok"}}); err != nil {
			t.Fatal(err)
		}
	}
	size, err := s.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Trim(t.Context(), size, now); err != nil || len(gone) > 0 {
		t.Errorf("within its limit it gave up %v, %v", gone, err)
	}
	gone, err := s.Trim(t.Context(), Bytes{Hot: size.Hot - 1}, now)
	if err != nil || len(gone) != 1 || gone[0].Bytes == 0 || gone[0].Day.Format(time.DateOnly) != days[0].Format(time.DateOnly) {
		t.Errorf("a byte above it it gave up %v, %v", gone, err)
	}
	if gone, err = s.Trim(t.Context(), Bytes{Hot: 1}, now); err != nil || len(gone) != 3 {
		t.Errorf("with no room at all it gave up %v, %v", gone, err)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM red":         1,
		"SELECT count() FROM all_spans":   1,
		"SELECT count() FROM trace_index": 1,
		"SELECT count() FROM red_1m":      3,
		"SELECT count() FROM operations":  3,
	} {
		if got := count(t, s, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

func TestTrimOfAClusterIsRefused(t *testing.T) {
	s, err := Open(t.Context(), Config{DSN: "clickhouse://127.0.0.1:9/sightline?cluster=main"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Trim(t.Context(), Bytes{Hot: 1}, time.Now()); err == nil {
		t.Error("a limit for the whole of a cluster was taken")
	}
}
