package clickhouse

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestCompletionOnTheEngine(t *testing.T) {
	s := openMigrated(t)
	at := time.Now().UTC().Add(-time.Minute)
	storeSpans(t, s, at, 12)
	row := LogRow{Time: at, Workload: Workload{Service: "cart"}, Severity: "ERROR", Hop: Hop{GRPCStatus: -1}}
	row.Strings.Add("customer.id", "c-1")
	if err := s.InsertLogs(t.Context(), "logs", []LogRow{row}); err != nil {
		t.Fatal(err)
	}
	texts := func(found []signal.Completion, err error) []string {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		var all []string
		for _, c := range found {
			all = append(all, c.Text)
		}
		return all
	}
	for typed, want := range map[string][]string{
		"se":      {"service", "service.instance.id", "service.name", "service.namespace"},
		"CUST":    {"customer"},
		"db.":     {"db.cached", "db.rows"},
		"host":    {"host.name"},
		"peer.v":  {"peer.version", "sightline.peer.version"},
		"nothing": nil,
	} {
		got := texts(s.CompleteKeys(t.Context(), signal.CompletionQuery{Of: signal.OfSpans, Typed: typed, Limit: 4}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("key %q (-want +got):\n%s", typed, diff)
		}
	}
	for _, tt := range []struct {
		key, typed string
		want       []string
	}{
		{"service", "", []string{"cart", "web"}},
		{"service.name", "W", []string{"web"}},
		{"code", "", []string{"200", "503"}},
		{"kind", "", []string{"internal", "server"}},
		{"customer", "-1", []string{"c-1", "c-10", "c-11"}},
		{"span.customer", "c-10", []string{"c-10"}},
		{"resource.customer", "", nil},
		{"host.name", "3", []string{"node-3"}},
		{"db.cached", "", []string{"false", "true"}},
		{"db.rows", "11", []string{"11"}},
		{"no such 'key", "", nil},
	} {
		got := texts(s.CompleteValues(t.Context(), tt.key, signal.CompletionQuery{Of: signal.OfSpans, Typed: tt.typed}))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("value of %s, %q (-want +got):\n%s", tt.key, tt.typed, diff)
		}
	}
	logs := signal.CompletionQuery{Of: signal.OfLogs, Typed: "e"}
	if got := texts(s.CompleteValues(t.Context(), "severity", logs)); !cmp.Equal(got, []string{"ERROR"}) {
		t.Errorf("severities of logs: %v", got)
	}
	logs.Typed = "customer.id"
	if got := texts(s.CompleteKeys(t.Context(), logs)); !cmp.Equal(got, []string{"customer.id"}) {
		t.Errorf("keys of logs: %v", got)
	}
	logs.Typed, logs.End = "customer.id", at.Add(-time.Hour)
	if got := texts(s.CompleteKeys(t.Context(), logs)); got != nil {
		t.Errorf("keys of another time: %v", got)
	}
	if _, err := s.CompleteKeys(t.Context(), signal.CompletionQuery{Of: "metrics"}); !errors.Is(err, ErrBadQuery) {
		t.Errorf("completion of metrics: %v, want ErrBadQuery", err)
	}
}
