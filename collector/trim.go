package collector

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// trimEvery is how often the store is measured: what comes in meanwhile is a fraction of
// any useful limit.
const trimEvery = time.Minute

// stored is what a trimmer needs of a store.
type stored interface {
	Size(ctx context.Context) (uint64, error)
	Trim(ctx context.Context, most uint64, now time.Time) ([]clickhouse.Trimmed, error)
	Damaged(ctx context.Context) ([]signal.DamagedPart, error)
}

// trimmer measures the store, and keeps it within its limit.
type trimmer struct {
	limit uint64 // bytes; 0 is none
	log   *slog.Logger
	state atomic.Pointer[signal.StoreState] // nil before the first measure
	tight bool                              // as was last told
}

// trim runs until ctx ends, from the store's first answer on.
func (c *Collector) trim(ctx context.Context) {
	select {
	case <-c.connection.opened:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		if s, err := c.connection.store(); err == nil {
			c.trimmer.once(ctx, s)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (t *trimmer) once(ctx context.Context, s stored) {
	if t.limit > 0 {
		gone, err := s.Trim(ctx, t.limit, time.Now())
		for _, g := range gone {
			t.log.Info("a day was given up for want of room", "day", g.Day.Format(time.DateOnly), "tables", g.Tables, "bytes", g.Bytes, "limit", t.limit)
		}
		if err != nil && ctx.Err() == nil {
			t.log.Warn("the store could not be kept within its limit", "limit", t.limit, "error", err)
		}
	}
	size, err := s.Size(ctx)
	if err != nil {
		return // the next time; that the store is away is told of elsewhere
	}
	damaged, err := s.Damaged(ctx)
	if err != nil {
		t.log.Debug("damaged parts are not known", "error", err) // a server may not let us ask
	}
	t.state.Store(&signal.StoreState{Bytes: size, Damaged: damaged})
	if tight := t.limit > 0 && size > t.limit; tight != t.tight {
		t.tight = tight
		if tight {
			t.log.Warn("this day alone is larger than the store's limit", "bytes", size, "limit", t.limit)
		}
	}
}
