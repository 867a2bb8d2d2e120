package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// keepBooks remembers what a collector that is about to be killed has dropped. One that
// does not answer yet has dropped nothing.
func (r *rig) keepBooks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	books, err := backend.Books(ctx, r.page)
	if err != nil {
		return
	}
	r.mostQueued = max(r.mostQueued, books.Queued)
	for reason, n := range books.Dropped {
		r.dropped[reason] += n
	}
}

// drain waits until the collector has nothing left.
func (r *rig) drain(ctx context.Context) error {
	say(r.log, "everything is sent")
	begun := time.Now()
	for _, p := range []*part{r.engine, r.collector} {
		if err := p.await(ctx, r.patience); err != nil {
			return err
		}
	}
	err := proc.Await(ctx, r.patience, func(ctx context.Context) error {
		books, err := backend.Books(ctx, r.page)
		if err != nil {
			return err
		}
		r.mostQueued = max(r.mostQueued, books.Queued)
		if books.Queued > 0 {
			return fmt.Errorf("%d spans are queued", books.Queued)
		}
		return nil
	}, r.engine.process, r.collector.process)
	r.drained = time.Since(begun)
	r.keepBooks(ctx)
	return err
}
