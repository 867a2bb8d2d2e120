package cold

import (
	"context"
	"log/slog"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// guardEvery is how often it is looked whether the disk is there.
const guardEvery = 2 * time.Second

// Guard has no part move while the disk is not where it was, until ctx ends: the engine would
// write it below the mount point, and give up the copy that it has. It returns at once for S3,
// where a move that gets nowhere fails.
func (d *Disk) Guard(ctx context.Context, e Engine, log *slog.Logger) {
	if d.Path == "" {
		return
	}
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	g := guard{disk: d, engine: e, log: log}
	for {
		g.once(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// guard stops and starts moves.
type guard struct {
	disk    *Disk
	engine  Engine
	log     *slog.Logger
	stopped bool
}

// once looks once. While the disk is away moves are stopped anew each time: a table that was
// made meanwhile moves its parts.
func (g *guard) once(ctx context.Context) {
	away := g.disk.There()
	if away == nil && !g.stopped {
		return
	}
	how := "SYSTEM START MOVES"
	if away != nil {
		how = "SYSTEM STOP MOVES"
	}
	_, err := engine.Texts(ctx, g.engine, how, nil)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		g.log.ErrorContext(ctx, "the store's moves of old days could not be stopped or started", "statement", how, "error", err)
		return
	case away != nil && !g.stopped:
		g.log.ErrorContext(ctx, "the store's cold disk is not there: no day moves until it is", "disk", g.disk.Place(), "error", away)
	case away == nil:
		g.log.InfoContext(ctx, "the store's cold disk is there again, and days move", "disk", g.disk.Place())
	}
	g.stopped = away != nil
}
