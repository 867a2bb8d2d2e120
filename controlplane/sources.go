package controlplane

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/registry/dns"
	"github.com/sightline-mesh/sightline/controlplane/registry/file"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// sources are those of instances that no sidecar registers.
func (p *plane) sources() []registry.Source {
	var out []registry.Source
	if p.cfg.RegistryFile != "" {
		out = append(out, file.New(p.cfg.RegistryFile, p.cfg.TrustDomain))
	}
	return append(out, dns.New(dns.Deps{
		Resolver: dns.NewClient(p.cfg.NameServers...), Known: p.named, Lookups: p.lookups, Changed: p.namesNews, Logger: p.deps.Logger,
	}))
}

// named are the instances that DNS told of.
func (p *plane) named(ctx context.Context) ([]mesh.Instance, error) {
	all, err := p.instances(ctx)
	return slices.DeleteFunc(all, func(i mesh.Instance) bool { return i.Origin != "dns" }), err
}

// lookups are the names that resources tell of.
func (p *plane) lookups(ctx context.Context) ([]config.Lookup, error) {
	objects, _, err := p.resources.Objects(ctx)
	return config.Lookups(objects, p.cfg.TrustDomain), err
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
