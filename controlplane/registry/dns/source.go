package dns

import (
	"context"
	"log/slog"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
)

const (
	shortest  = 5 * time.Second // that an answer is believed; so long it may outlive its own life
	longest   = 5 * time.Minute // that a change may go unseen, whatever an answer says
	again     = time.Second     // after one that failed, twice as long each time up to
	againMost = 30 * time.Second
	patience  = 10 * time.Second // for one name, all servers and records of it

	// MaxNames is how many names are asked for; the rest are told of.
	MaxNames = 1000
	// MaxAddresses is how many of one name are used; the rest are told of.
	MaxAddresses = 256

	atOnce = 32 // names that are being asked for
)

// Deps is what a Source works with.
type Deps struct {
	Resolver Resolver
	// Known are the instances that are registered of an earlier run: while a name cannot be
	// asked for, those it had stay.
	Known func(ctx context.Context) ([]mesh.Instance, error)
	// Lookups are the names that there are now.
	Lookups func(ctx context.Context) ([]config.Lookup, error)
	// Changed says that they may be others.
	Changed <-chan struct{}
	Logger  *slog.Logger
}

// Source is the names that resources tell of. It implements registry.Source.
type Source struct{ deps Deps }

// New asks for nothing before Run.
func New(d Deps) *Source { return &Source{deps: d} }

// Name implements registry.Source.
func (*Source) Name() string { return "dns" }

// Run implements registry.Source. It owns what is known; each name is asked for by a
// goroutine of its own.
func (s *Source) Run(ctx context.Context, to registry.Listener) error {
	r := run{Source: s, to: to, names: map[string]*asked{}, found: make(chan finding), room: make(chan struct{}, atOnce)}
	defer r.all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reread := time.NewTimer(0)
	defer reread.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.deps.Changed:
			reread.Reset(0)
		case <-reread.C:
			if err := r.reread(ctx); err != nil && ctx.Err() == nil {
				s.deps.Logger.Warn("names to ask DNS for are read again", "in", again, "reason", err)
				reread.Reset(again)
			}
		case f := <-r.found:
			r.take(f)
		}
	}
}
