package clickhouse

import (
	"errors"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
)

// Labels and values that the engine refuses for good keep no others of their batch from being
// stored.
func TestRefusedRowsKeepNoOthers(t *testing.T) {
	s := openMigrated(t)
	for _, statement := range []string{
		"DROP TABLE series SYNC",
		"CREATE TABLE series (metric Enum8('known' = 1), fingerprint UInt64, day Date, labels Map(String, String)) ENGINE = MergeTree ORDER BY fingerprint",
		"DROP TABLE samples SYNC",
		"CREATE TABLE samples (metric Enum8('known' = 1), fingerprint UInt64, ms Int64, start_ms Int64, value Float64) ENGINE = MergeTree ORDER BY fingerprint",
	} {
		if err := s.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	err := s.InsertSamples(t.Context(), "batch", []Sample{
		{Metric: "unknown", Time: at(), Value: 1},
		{Metric: "known", Time: at(), Value: 2},
		{Metric: "unknown", Time: at(), Histogram: &histogram.FloatHistogram{Count: 1}},
	})
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Rows != 2 || !slices.Equal(refused.Lost, []int{0, 2}) {
		t.Errorf("told %+v, want the first, and the last whose series is refused", err)
	}
	err = s.InsertExemplars(t.Context(), "batch", []Exemplar{{Metric: "unknown", Time: at(), Value: 1}})
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Rows != 1 || !slices.Equal(refused.Lost, []int{0}) {
		t.Errorf("told %+v, want the one whose series is refused", err)
	}
	for _, table := range []string{"series", "samples", "histograms", "exemplars"} {
		if n := count(t, s, "SELECT count() FROM "+table); n != 1 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}
