package collector

import (
	"context"
	"fmt"
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
	Tier(ctx context.Context) error
	Size(ctx context.Context) (clickhouse.Bytes, error)
	Trim(ctx context.Context, most clickhouse.Bytes, now time.Time) ([]clickhouse.Trimmed, error)
	ColdState(ctx context.Context) (failure string, late uint64, err error)
	Damaged(ctx context.Context) ([]signal.DamagedPart, error)
}

// trimmer has the store's old days where they belong, measures the store, and keeps it within
// its limits.
type trimmer struct {
	most   clickhouse.Bytes // 0 is no limit
	tiered bool             // there is a disk for old days
	log    *slog.Logger
	state  atomic.Pointer[signal.StoreState] // nil before the first measure
	tight  bool                              // as was last told
	cold   bool                              // that there is trouble was last told
	late   uint64                            // bytes that should have been where old days go, as last seen
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
	trouble := t.tier(ctx, s)
	trimmed := t.trim(ctx, s)
	size, err := s.Size(ctx)
	if err != nil {
		return // the next time; that the store is away is told of elsewhere
	}
	damaged, err := s.Damaged(ctx)
	if err != nil {
		t.log.Debug("damaged parts are not known", "error", err) // a server may not let us ask
	}
	state := &signal.StoreState{Bytes: size.Hot + size.Cold, Damaged: damaged}
	if t.tiered || size.Cold > 0 { // what lies there still counts when nothing goes there any more
		state.Cold = &signal.ColdState{Bytes: size.Cold, Trouble: trouble}
	}
	t.state.Store(state)
	if tight := trimmed && t.most.Hot > 0 && size.Hot > t.most.Hot; tight != t.tight {
		t.tight = tight
		if tight {
			t.log.Warn("this day alone is larger than the store's limit", "bytes", size.Hot, "limit", t.most.Hot)
		}
	}
}

// tier has old days go where they belong, and gives what keeps them from it.
func (t *trimmer) tier(ctx context.Context, s stored) (trouble string) {
	failure, late, err := s.ColdState(ctx)
	if err != nil {
		t.log.Debug("the disk for old days is not known", "error", err) // a server may not let us ask
	}
	stuck := late > 0 && t.late > 0 && late >= t.late
	t.late = late
	switch err := s.Tier(ctx); {
	case err != nil:
		trouble = err.Error()
	case failure != "":
		trouble = failure
	case stuck:
		trouble = fmt.Sprintf("%d bytes should have gone there more than an hour ago, and stay where they are: is it full?", late)
	}
	if (trouble != "") != t.cold && ctx.Err() == nil { // its words differ from one object to the next
		t.cold = trouble != ""
		if trouble != "" {
			t.log.Warn("old days of the store do not get to where they belong, or do not answer there", "trouble", trouble)
		} else {
			t.log.Info("old days of the store get to where they belong, and answer there")
		}
	}
	return trouble
}

// trim makes room; false is that not all went that may go, which it tells.
func (t *trimmer) trim(ctx context.Context, s stored) bool {
	if t.most == (clickhouse.Bytes{}) {
		return true
	}
	gone, err := s.Trim(ctx, t.most, time.Now())
	for _, g := range gone {
		what := "a day was given up for want of room"
		if g.Moved {
			what = "a day went to the disk for old ones before its time, for want of room"
		}
		t.log.Info(what, "day", g.Day.Format(time.DateOnly), "tables", g.Tables, "bytes", g.Bytes, "limit", t.most.Hot, "coldLimit", t.most.Cold)
	}
	if err != nil && ctx.Err() == nil {
		t.log.Warn("the store could not be kept within its limit", "limit", t.most.Hot, "coldLimit", t.most.Cold, "error", err)
	}
	return err == nil
}
