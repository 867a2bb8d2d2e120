package clickhouse

import (
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestRetryAfterRestartIsStoredOnce sends the batches of one token to a store that has
// just been made, and again after each of two restarts, as a sender does that never saw
// the first answer.
func TestRetryAfterRestartIsStoredOnce(t *testing.T) {
	dir := t.TempDir()
	red := []REDRow{{
		REDKey:   REDKey{Time: at(), Reporter: "app", Source: "cart", Destination: "payments", Status: 200},
		Requests: 3, Buckets: map[int16]uint64{1: 3},
	}}
	spans := []SpanRow{{
		TraceID: TraceID{1}, SpanID: SpanID{1}, Name: "GET /", Kind: "client", Status: "ok",
		Workload: Workload{Service: "cart"}, Start: at(), Duration: time.Millisecond,
	}}
	for range 3 {
		server := storetest.Open(t, dir)
		s := openStore(t, server.DSN())
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertRED(t.Context(), "batch", red); err != nil {
			t.Fatal(err)
		}
		if err := s.InsertSpans(t.Context(), "batch", spans); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]uint64{
			"SELECT toUInt64(sum(requests)) FROM red":      3,
			"SELECT toUInt64(sum(requests)) FROM red_1m":   3,
			"SELECT count() FROM spans":                    1,
			"SELECT toUInt64(sum(spans)) FROM trace_index": 1,
			"SELECT toUInt64(sum(spans)) FROM operations":  1,
		} {
			if got := count(t, s, query); got != want {
				t.Errorf("%s: %d, want %d", query, got, want)
			}
		}
		server.Kill()
	}
}
