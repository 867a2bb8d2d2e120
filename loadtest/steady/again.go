package main

import (
	"context"
	"time"
)

// again does something at every interval until ctx ends, and gives the last error that is
// not of that end.
func again(ctx context.Context, every time.Duration, do func(context.Context) error) (last error) {
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return last
		case <-clock.C:
		}
		if err := do(ctx); err != nil && ctx.Err() == nil {
			last = err
		}
	}
}
