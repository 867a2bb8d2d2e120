package clickhouse

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTiersValidate(t *testing.T) {
	for want, tiers := range map[string]Tiers{
		"":                         {},
		"storage policy \"\"":      {After: time.Hour},
		"storage policy \"a'b\"":   {Policy: "a'b", After: time.Hour},
		"want an hour at least":    {Policy: "tiered"},
		"cold after 1h30m0s: want": {Policy: "tiered", After: 90 * time.Minute},
	} {
		if err := tiers.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", tiers, err, want)
		}
	}
}

// All tables by day send days away, but for those that are asked for other days' sake.
func TestTieredTables(t *testing.T) {
	all, err := tieredTables()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range all {
		names = append(names, one.table)
	}
	for _, want := range []string{"red", "red_1m", "spans_by_time", "logs", "samples", "histograms", "exemplars"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s sends no day away: %v", want, names)
		}
	}
	for _, not := range append(staysHot(), "series", "metadata", "red_1h", "migrations") {
		if slices.Contains(names, not) {
			t.Errorf("%s sends days away", not)
		}
	}
}

func TestTierChanges(t *testing.T) {
	spans := tiered{"spans", "toDate(start)", "INTERVAL 7 DAY"}
	wish := Tiers{"tiered", 48 * time.Hour}
	const (
		policy = "ALTER TABLE spans MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1"
		sends  = "ALTER TABLE spans MODIFY TTL toDate(start) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(start) + INTERVAL 7 DAY"
	)
	for _, tt := range []struct {
		name string
		wish Tiers
		is   tableState
		want []string
	}{
		{"new", wish, tableState{"spans", "default", 0}, []string{policy, sends}},
		{"as it should be", wish, tableState{"spans", "tiered", 72}, nil},
		{"another age", wish, tableState{"spans", "tiered", 48}, []string{sends}},
		{"cut off between the two", wish, tableState{"spans", "tiered", 0}, []string{sends}},
		{"no more", Tiers{}, tableState{"spans", "tiered", 72}, []string{"ALTER TABLE spans MODIFY TTL toDate(start) + INTERVAL 7 DAY"}},
		{"never", Tiers{}, tableState{"spans", "default", 0}, nil},
	} {
		if diff := cmp.Diff(tt.want, tt.wish.change(spans, tt.is)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

func TestTiersOfNewTables(t *testing.T) {
	const made = "-- Rows.\nCREATE TABLE IF NOT EXISTS rows_of_days\n(\n    time DateTime\n)\nENGINE = MergeTree\nPARTITION BY toDate(time)\nORDER BY time\n"
	wish := Tiers{"tiered", 24 * time.Hour}
	got := wish.in(made + "TTL toDate(time) + INTERVAL 7 DAY\nSETTINGS ttl_only_drop_parts = 1\n")
	want := made + "TTL toDate(time) + INTERVAL 48 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY\nSETTINGS ttl_only_drop_parts = 1, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, same := range []string{"ALTER TABLE spans ADD COLUMN a UInt8", strings.ReplaceAll(made, "rows_of_days", "operations") + "TTL toDate(time) + INTERVAL 7 DAY\nSETTINGS a = 1"} {
		if got := wish.in(same); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
}
