package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// tally is a statement whose rows of different slices of a window add up.
type tally struct {
	what      string // for errors: "count logs"
	statement string
	params    []any // but for the window
	window    signal.Window
	enough    func() bool // whether to look no further back; nil is never
}

// countBack asks about ever longer slices of a window, the newest first, and hands each
// row to add. Where the question costs more than one may, what was counted until then
// counts, and partial says how far back that is; that nothing was is ErrBudget.
func countBack[T any](ctx context.Context, s *Store, c tally, scan func(driver.Rows) (T, error), add func(T)) (from time.Time, partial string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	from = c.window.End
	for slice := range back(c.window) {
		rows, err := collect(ctx, s, c.statement, scan, append(windowParams(slice), c.params...))
		switch {
		case overBudget(ctx, err) && from.Before(c.window.End):
			return from, "counted back to " + budgetEnd(from), nil
		case overBudget(ctx, err):
			return from, "", fmt.Errorf("%s: %w: %w", c.what, ErrBudget, err)
		case err != nil:
			return from, "", fmt.Errorf("%s: %w", c.what, err)
		}
		for _, r := range rows {
			add(r)
		}
		if from = slice.Start; c.enough != nil && c.enough() && from.After(c.window.Start) {
			return from, "counted back to " + from.UTC().Format(time.RFC3339) + " only: that is more than is compared; ask for a shorter time or more precisely", nil
		}
	}
	return from, "", nil
}

// budgetEnd says that a question ended where it did, why, and what to do about it.
func budgetEnd(at time.Time) string {
	return at.UTC().Format(time.RFC3339) + " only: " + errBudgetText + "; ask for a shorter time or more precisely"
}

func windowParams(w signal.Window) []any {
	return []any{Param("start", nanos(w.Start)), Param("end", nanos(w.End))}
}

// steps divides a window into so many equal parts, the last of which may be cut short.
func steps(w signal.Window, parts int) time.Duration {
	each := w.End.Sub(w.Start) / time.Duration(parts)
	return max((each + time.Millisecond - 1).Truncate(time.Millisecond), time.Millisecond)
}
