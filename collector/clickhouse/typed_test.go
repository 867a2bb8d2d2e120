package clickhouse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOwnMillisecondsHaveThreeDecimals, as sidecars round them to the 1024th; those of
// applications stay as they are.
func TestOwnMillisecondsHaveThreeDecimals(t *testing.T) {
	got := map[string]any{}
	typed(nil, map[string]float64{"sightline.first_byte_ms": 1.287109375, "app_ms": 1.287109375, "sightline.waited_ms": 2}, got)
	want := map[string]any{"sightline.first_byte_ms": 1.287, "app_ms": 1.287109375, "sightline.waited_ms": int64(2)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
