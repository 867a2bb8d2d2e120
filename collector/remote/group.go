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

	leader *batch        // whose request stores it for all
	full   chan struct{} // closed when no more is waited for
	stored chan struct{} // closed when what follows holds
	err    error
	lost   losses
}

// losses are what the store refuses for good of what was asked of it.
type losses struct{ samples, exemplars *clickhouse.RefusedError } // nil for nothing

// add stores a batch and waits until that is done, or ctx is. What the store refuses for good
// the batch refuses then; the rest is stored.
func (g *groups) add(ctx context.Context, b *batch) error {
	if b.rows() == 0 {
		return nil
	}
	to, from, err := g.join(b)
	if err != nil {
		return err
	}
	if to.leader == b {
		g.lead(ctx, to)
	}
	select {
	case <-to.stored:
		b.lose(to.lost, from)
		return to.err
	case <-ctx.Done():
		return fmt.Errorf("store samples: %w", ctx.Err())
	}
}

// offset is where a batch begins in its group.
type offset struct{ samples, exemplars int }

// join puts a batch into the open group.
func (g *groups) join(b *batch) (to *group, from offset, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pending > 0 && g.pending+b.rows() > maxPending {
		return nil, offset{}, errBusy
	}
	g.pending += b.rows()
	if g.open == nil {
		g.open = &group{leader: b, full: make(chan struct{}), stored: make(chan struct{})}
	}
	to = g.open
	from = offset{len(to.samples), len(to.exemplars)}
	to.samples = append(to.samples, b.samples...)
	to.exemplars = append(to.exemplars, b.exemplars...)
	to.metadata = append(to.metadata, b.metadata...)
	if to.rows() >= groupRows {
		close(to.full)
		g.open = nil
	}
	return to, from, nil
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
	to.lost, to.err = g.insert(within, &to.batch)
	g.mu.Lock()
	g.pending -= to.rows()
	g.mu.Unlock()
	close(to.stored)
}

func (g *groups) insert(ctx context.Context, b *batch) (lost losses, err error) {
	token := rand.Text()
	if lost.samples, err = g.refused(ctx, "samples", g.store.InsertSamples(ctx, token, b.samples)); err != nil {
		return lost, err
	}
	if lost.exemplars, err = g.refused(ctx, "exemplars", g.store.InsertExemplars(ctx, token, b.exemplars)); err != nil {
		return lost, err
	}
	_, err = g.refused(ctx, "metadata", g.store.InsertMetadata(ctx, token, b.metadata))
	return lost, err
}

// refused tells what an insert refused for good from how it failed. Why it refused may quote
// what others sent, so that it is not for the senders.
func (g *groups) refused(ctx context.Context, what string, err error) (*clickhouse.RefusedError, error) {
	if err == nil {
		return nil, nil
	}
	refused, ok := errors.AsType[*clickhouse.RefusedError](err)
	if !ok {
		return nil, fmt.Errorf("store %s: %w", what, err)
	}
	g.logger.ErrorContext(ctx, "some of remote write will never be stored", "what", what, "rows", refused.Rows, "error", refused)
	return refused, nil
}
