package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/traffic"
)

// live does all of it.
func live(ctx context.Context, o options, log io.Writer) (*figures, error) {
	pair, err := backend.StartPair(ctx, o.dir, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start: %w", err), pair.Stop())
	}
	f, err := measure(ctx, o, pair)
	return f, errors.Join(err, pair.Stop())
}

func measure(ctx context.Context, o options, pair *backend.Pair) (*figures, error) {
	mesh, err := traffic.New(o.shape, pair.OTLP, o.patience)
	if err != nil {
		return nil, err
	}
	life := &life{options: o, mesh: mesh}
	asking := newAsking(o, pair.Store, life)
	probing := &probing{otlp: pair.OTLP, store: pair.Store}
	watching := &watching{options: o, pair: pair, begun: time.Now()}
	during(ctx, o.length, life.run, asking.run, probing.run, watching.run)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &figures{options: o, told: mesh.Books(), asked: asking, probed: probing, looks: watching.looks}
	if err := errors.Join(watching.err, probing.err); err != nil {
		return nil, err
	}
	if err := pair.Drained(ctx, f.told.Spans-f.told.DroppedSpans+uint64(len(probing.took)), o.patience); err != nil {
		return nil, err
	}
	for _, table := range []string{"logs", "red", "edges"} {
		if err := pair.Store.Merge(ctx, table); err != nil {
			return nil, err
		}
	}
	f.sizes, err = pair.Store.Sizes(ctx)
	return f, err
}

// during runs all of them for a time, and waits until they have ended.
func during(ctx context.Context, d time.Duration, run ...func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var all sync.WaitGroup
	for _, one := range run {
		all.Go(func() { one(ctx) })
	}
	all.Wait()
}
