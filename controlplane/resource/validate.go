package resource

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// analyzed is what there is to say about one configuration in one world.
type analyzed struct {
	sources map[Ref]string
	world   config.World
	known   map[mesh.Finding]bool // without lines, which are those of a manifest handed in
}

// validate looks at the whole configuration as it would be, but reports only what
// concerns the change: a fault that was there before must not stop its mending.
func (k *Keeper) validate(ctx context.Context, before stored, c Change) ([]mesh.Finding, error) {
	instances, err := k.deps.Instances(ctx)
	if err != nil {
		return nil, fmt.Errorf("validate configuration: %w", err)
	}
	world := config.NewWorld(instances)
	touched := map[string]bool{}
	for _, o := range c.Put {
		touched[o.Key()] = true
	}
	found := k.analyze(after(before.objects, c), world)
	next := analyzed{c.sources(before), world, knownOf(found)}
	findings := []mesh.Finding{}
	if slices.ContainsFunc(found, func(f mesh.Finding) bool { return !touched[f.Resource] }) {
		was := k.before(before, world)
		for _, f := range found {
			if touched[f.Resource] || !was.known[unplaced(f)] {
				findings = append(findings, f)
			}
		}
		k.keep(was, next)
	} else { // all of it is about the change
		findings = append(findings, found...)
		k.keep(next)
	}
	if config.Refused(findings) {
		return findings, fmt.Errorf("%w: %w", ErrRefused, &config.Error{Findings: errorsOf(findings)})
	}
	return findings, nil
}

// before is what there is to say without the change: mostly what was found when the change
// before it was made, or tried.
func (k *Keeper) before(now stored, world config.World) analyzed {
	k.mu.Lock()
	kept := k.analyzed
	k.mu.Unlock()
	for _, a := range kept {
		if maps.Equal(a.sources, now.sources) && reflect.DeepEqual(a.world, world) {
			return a
		}
	}
	return analyzed{now.sources, world, knownOf(k.analyze(now.objects, world))}
}

// keep replaces what is remembered; what is handed in is never changed.
func (k *Keeper) keep(all ...analyzed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.analyzed = all
}

func knownOf(findings []mesh.Finding) map[mesh.Finding]bool {
	out := make(map[mesh.Finding]bool, len(findings))
	for _, f := range findings {
		out[unplaced(f)] = true
	}
	return out
}

func unplaced(f mesh.Finding) mesh.Finding {
	f.Line = 0
	return f
}

// sources are the manifests that are stored once the change is made.
func (c Change) sources(before stored) map[Ref]string {
	out := maps.Clone(before.sources)
	for _, r := range c.Remove {
		delete(out, r)
	}
	for _, o := range c.Put {
		out[RefOf(o)] = string(o.Unversioned())
	}
	return out
}
