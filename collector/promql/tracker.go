package promql

import (
	"context"
	"fmt"
)

// maxConcurrent is how many queries are evaluated at a time, as in Prometheus; the
// others wait.
const maxConcurrent = 20

// tracker is a promql.QueryTracker that bounds how many queries run.
type tracker struct{ places chan struct{} }

func newTracker() *tracker { return &tracker{make(chan struct{}, maxConcurrent)} }

// GetMaxConcurrent implements promql.QueryTracker.
func (*tracker) GetMaxConcurrent() int { return maxConcurrent }

// Insert waits for a place.
func (t *tracker) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case t.places <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %d other queries: %w", maxConcurrent, ctx.Err())
	}
}

// Delete gives a place back.
func (t *tracker) Delete(int) { <-t.places }

// Close does nothing.
func (*tracker) Close() error { return nil }
