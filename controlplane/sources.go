package controlplane

import (
	"context"
	"errors"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/registry/file"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// sources are those of instances that no sidecar registers.
func (p *plane) sources() []registry.Source {
	var out []registry.Source
	if p.cfg.RegistryFile != "" {
		out = append(out, file.New(p.cfg.RegistryFile, p.cfg.TrustDomain))
	}
	return out
}

// followSources keeps what sources say registered until ctx ends, while this control
// plane leads. What a source that is no more said is removed.
func (p *plane) followSources(ctx context.Context, t store.Term) *sync.WaitGroup {
	var all sync.WaitGroup
	sources := p.sources()
	all.Go(func() {
		if err := p.registry.Forget(ctx, t, sources...); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
			p.deps.Logger.Warn("instances of former sources stay", "reason", err)
		}
	})
	for _, s := range sources {
		all.Go(func() {
			err := p.registry.Follow(ctx, registry.Following{Source: s, Term: t, Logger: p.deps.Logger, Tell: p.sourceFails})
			if err != nil && ctx.Err() == nil {
				p.deps.Logger.Error("source of instances ended", "reason", err)
			}
		})
	}
	return &all
}

// sourceFails tells the timeline of a source in trouble, or out of it.
func (p *plane) sourceFails(source string, trouble error) {
	e := mesh.Event{Kind: mesh.EventRegistry, By: author, Summary: "the source of instances " + source + " works again"}
	if trouble != nil {
		e.Summary = "the source of instances " + source + " fails; what it said last stays in force: " + trouble.Error()
	}
	p.tell(e)
}
