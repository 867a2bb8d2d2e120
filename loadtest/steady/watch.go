package main

import (
	"context"
	"errors"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// look is what the processes take at one moment.
type look struct {
	at                time.Duration
	collector, engine int64         // resident bytes
	cpuCollector      time.Duration // since it began
	cpuEngine         time.Duration
	parts             uint64 // of all tables
	bytes             uint64 // on disk
}

// watching looks at the processes again and again.
type watching struct {
	options

	pair  *backend.Pair
	begun time.Time

	looks []look
	err   error // the last
}

// run looks until ctx ends.
func (w *watching) run(ctx context.Context) {
	w.err = again(ctx, w.look, func(ctx context.Context) error {
		l, err := w.see(ctx)
		if err == nil {
			w.looks = append(w.looks, l)
		}
		return err
	})
}

func (w *watching) see(ctx context.Context) (look, error) {
	system := proc.System()
	l := look{at: time.Since(w.begun)}
	collector, err := system.Memory(w.pair.Collector.PID())
	engine, engineErr := system.Memory(w.pair.Engine.PID())
	if err = errors.Join(err, engineErr); err != nil {
		return l, err
	}
	l.collector, l.engine = collector.RSS, engine.RSS
	if l.cpuCollector, err = system.CPU(w.pair.Collector.PID()); err != nil {
		return l, err
	}
	if l.cpuEngine, err = system.CPU(w.pair.Engine.PID()); err != nil {
		return l, err
	}
	sizes, err := w.pair.Store.Sizes(ctx)
	for _, z := range sizes {
		l.parts += z.Parts
		l.bytes += z.Bytes
	}
	return l, err
}
