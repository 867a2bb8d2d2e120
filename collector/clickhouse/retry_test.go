package clickhouse

import (
	"os"
	"strings"
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
			"SELECT toUInt64(sum(requests)) FROM edges":    3,
			"SELECT toUInt64(sum(requests)) FROM edges_1m": 3,
			"SELECT toUInt64(sum(requests)) FROM red_1m":   3,
			"SELECT toUInt64(sum(requests)) FROM red_1h":   3,
			"SELECT count() FROM all_spans":                1,
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

// TestRetryAfterKillBetweenLogAndPart puts tables into the state that a kill between the
// engine's two steps leaves behind: a block is in the deduplication log, and its part is
// not in place. The sender never had an answer; its next try must be stored, in the tables
// that lack it only.
func TestRetryAfterKillBetweenLogAndPart(t *testing.T) {
	for _, lost := range [][]string{{"red"}, {"red_1m"}, {"edges"}, {"edges_1m"}, {"red", "red_1m"}, {"red", "edges_1m"}} {
		t.Run(strings.Join(lost, " and "), func(t *testing.T) {
			dir := t.TempDir()
			server := storetest.Open(t, dir)
			s := openStore(t, server.DSN())
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			batch := func(token string, requests uint64) {
				key := REDKey{Time: at(), Reporter: "app", Destination: "payments"}
				if err := s.InsertRED(t.Context(), token, []REDRow{{REDKey: key, Requests: requests}}); err != nil {
					t.Fatal(err)
				}
			}
			batch("killed", 2)
			var parts []string
			for _, table := range lost {
				var path string
				if err := s.conn.QueryRow(t.Context(), "SELECT path FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String}", Param("table", table)).Scan(&path); err != nil {
					t.Fatal(err)
				}
				parts = append(parts, path)
			}
			server.Kill()
			for _, path := range parts {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
			s = openStore(t, storetest.Open(t, dir).DSN())
			batch("killed", 2)
			batch("after", 1)
			for _, table := range []string{"red", "red_1m", "edges", "edges_1m"} {
				if got := count(t, s, "SELECT toUInt64(sum(requests)) FROM "+table); got != 3 {
					t.Errorf("%s has %d requests, want 3", table, got)
				}
			}
		})
	}
}
