package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// errStoreAway is why a batch waits.
var errStoreAway = errors.New("the store is not ready yet")

// How long to wait between two tries to reach the store, and how long one may take: a
// migration may read a table of 90 days (0.6 s for a million rows on two CPUs).
const (
	minRetry       = 100 * time.Millisecond
	maxRetry       = 5 * time.Second
	migrateTimeout = 15 * time.Minute
)

// connection is the store, once it has answered and its schema is the newest.
type connection struct {
	address string
	tiers   clickhouse.Tiers
	log     *slog.Logger
	ready   atomic.Pointer[clickhouse.Store]
	opened  chan struct{} // closed when ready is set
}

// store is the open store, or errStoreAway.
func (c *connection) store() (*clickhouse.Store, error) {
	if s := c.ready.Load(); s != nil {
		return s, nil
	}
	return nil, errStoreAway
}

// open tries until the store has the schema or ctx ends. Only an address that no store
// can have is an error.
func (c *connection) open(ctx context.Context) error {
	s, err := clickhouse.Open(ctx, clickhouse.Config{DSN: c.address, Tiers: c.tiers})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		err := migrate(ctx, s)
		if err == nil {
			c.ready.Store(s)
			close(c.opened)
			return nil
		}
		c.log.Debug("the store is not ready", "error", err)
		select {
		case <-ctx.Done():
			return s.Close()
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		if wait == maxRetry {
			c.log.Warn("telemetry waits on disk for the store", "error", err)
		}
	}
}

func migrate(ctx context.Context, s *clickhouse.Store) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	return s.Migrate(ctx)
}

// close gives up the store; nothing uses it any more.
func (c *connection) close() error {
	if s := c.ready.Load(); s != nil {
		return s.Close()
	}
	return nil
}
