package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

const (
	gather     = 250 * time.Millisecond // how long requests are gathered for one insert
	groupRows  = 50_000                 // with so many no more are waited for
	maxPending = 1_000_000              // rows that wait or are being stored
	storeTime  = 10 * time.Minute       // of a group's inserts, of which each has its own time
)

var errBusy = errors.New("more samples wait for the store than may; try again")

// Store takes what remote write brings. clickhouse.Store is one.
type Store interface {
	InsertSamples(ctx context.Context, token string, samples []clickhouse.Sample) error
	InsertExemplars(ctx context.Context, token string, exemplars []clickhouse.Exemplar) error
	InsertMetadata(ctx context.Context, token string, metadata []clickhouse.Metadata) error
}

// groups stores what several requests bring in one insert. There is no goroutine: the
// first request of a group stores it for all.
type groups struct {
	store   Store
	logger  *slog.Logger
	storing sync.Mutex // held while a group is being stored

	mu      sync.Mutex // guards what follows
	open    *group     // that takes more requests; nil when there is none
	pending int        // rows
}

// group is what is stored at once.
type group struct {
	batch

	full   chan struct{} // closed when no more is waited for
	stored chan struct{} // closed when err holds
	err    error
}

// add stores a batch and waits until that is done, or ctx is.
func (g *groups) add(ctx context.Context, b *batch) error {
	if b.rows() == 0 {
		return nil
	}
	to, leads, err := g.join(b)
	if err != nil {
		return err
	}
	if leads {
		g.lead(ctx, to)
	}
	select {
	case <-to.stored:
		return to.err
	case <-ctx.Done():
		return fmt.Errorf("store samples: %w", ctx.Err())
	}
}

// join puts a batch into the open group, and says whether the caller has to store it.
func (g *groups) join(b *batch) (to *group, leads bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pending > 0 && g.pending+b.rows() > maxPending {
		return nil, false, errBusy
	}
	g.pending += b.rows()
	if g.open == nil {
		leads = true
		g.open = &group{full: make(chan struct{}), stored: make(chan struct{})}
	}
	to = g.open
	to.samples = append(to.samples, b.samples...)
	to.exemplars = append(to.exemplars, b.exemplars...)
	to.metadata = append(to.metadata, b.metadata...)
	if to.rows() >= groupRows {
		close(to.full)
		g.open = nil
	}
	return to, leads, nil
}

// lead stores a group when its time has come. It does so for the others too, so the end
// of ctx only cuts short the gathering.
func (g *groups) lead(ctx context.Context, to *group) {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-to.full:
	case <-timer.C:
	case <-ctx.Done():
	}
	g.storing.Lock() // who comes meanwhile still gets in
	defer g.storing.Unlock()
	g.mu.Lock()
	if g.open == to {
		g.open = nil
	}
	g.mu.Unlock()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	to.err = g.insert(within, &to.batch)
	if refused, ok := errors.AsType[*clickhouse.RefusedError](to.err); ok {
		// Of whose request it is nobody knows, and none is to be sent again: the others of the
		// group are stored.
		g.logger.ErrorContext(ctx, "some of remote write will never be stored", "rows", refused.Rows, "error", refused)
		to.err = nil
	}
	g.mu.Lock()
	g.pending -= to.rows()
	g.mu.Unlock()
	close(to.stored)
}

func (g *groups) insert(ctx context.Context, b *batch) error {
	token := rand.Text()
	err := clickhouse.Inserts(
		func() error { return g.store.InsertSamples(ctx, token, b.samples) },
		func() error { return g.store.InsertExemplars(ctx, token, b.exemplars) },
		func() error { return g.store.InsertMetadata(ctx, token, b.metadata) },
	)
	if err != nil {
		return fmt.Errorf("store samples, exemplars and metadata: %w", err)
	}
	return nil
}
