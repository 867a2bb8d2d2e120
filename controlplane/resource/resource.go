// Package resource keeps the mesh's configuration as people wrote it. A change is
// looked at together with everything that is there already, stored in one step
// with the event that tells who made it, or refused as a whole.
package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

var (
	// ErrRefused is wrapped when a change would leave the configuration wrong. The
	// findings say why; what was there stays in force.
	ErrRefused = errors.New("configuration refused")
	// ErrNotFound is wrapped when the resource to delete is not there.
	ErrNotFound = store.ErrNotFound
)

const tries = 20 // at a change, when others change the configuration at the same time

// Deps is what a Keeper works with.
type Deps struct {
	Store  *store.Store
	Events *event.Log
	// Instances are those that run, as validation looks at them.
	Instances func(ctx context.Context) ([]mesh.Instance, error)
}

// Keeper keeps the configuration. Its methods may be called from any goroutine.
type Keeper struct {
	deps    Deps
	table   store.Table[mesh.Resource]
	history store.Table[record]
	now     func() time.Time

	changes sync.Mutex // one change at a time: a guard of the store does not see deletions

	mu     sync.Mutex // guards what follows
	parsed map[string]parsed
}

// parsed remembers the work on one stored manifest.
type parsed struct {
	revision int64
	object   config.Object
}

// New keeps the configuration in d.Store.
func New(d Deps) *Keeper {
	return &Keeper{
		deps:    d,
		table:   store.TableOf[mesh.Resource](d.Store, store.Resources),
		history: store.TableOf[record](d.Store, store.History),
		now:     time.Now,
		parsed:  map[string]parsed{},
	}
}

// Resources is what is stored, in the order of kind, namespace and name; of one
// kind alone unless that is "".
func (k *Keeper) Resources(ctx context.Context, kind string) ([]mesh.Resource, error) {
	items, _, err := k.table.List(ctx)
	if err != nil {
		return nil, err
	}
	out := []mesh.Resource{}
	for _, i := range items {
		if kind == "" || kind == i.Value.Kind {
			r := i.Value
			r.Version = uint64(i.Revision)
			out = append(out, r)
		}
	}
	return out, k.judge(ctx, out)
}

// Objects is what is stored, parsed, and the store's revision.
func (k *Keeper) Objects(ctx context.Context) ([]config.Object, int64, error) {
	items, revision, err := k.table.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string]parsed, len(items))
	out := make([]config.Object, 0, len(items))
	for _, i := range items {
		p, ok := k.parsed[i.Key]
		if !ok || p.revision != i.Revision {
			objects, err := config.Parse([]byte(i.Value.Manifest))
			if err != nil || len(objects) != 1 { // stored by a newer program, or by hand
				return nil, 0, fmt.Errorf("stored resource %s holds %d objects: %w", i.Key, len(objects), err)
			}
			p = parsed{i.Revision, objects[0]}
			p.object.Line = 0 // of no manifest that is handed in
			p.object.Created = i.Created
		}
		next[i.Key] = p
		out = append(out, p.object)
	}
	k.parsed = next
	return out, revision, nil
}

// Apply stores every resource of a manifest, in place of those of the same name.
// It returns all that there is to say about them; with ErrRefused when that forbids
// the change. A dry run changes nothing.
func (k *Keeper) Apply(ctx context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error) { //nolint:revive // the flag is the API's own
	objects, err := config.Parse(manifest)
	if err != nil {
		if bad, ok := errors.AsType[*config.Error](err); ok {
			return bad.Findings, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return nil, fmt.Errorf("apply: %w", err)
	}
	c := Change{By: by, Put: objects, Kind: mesh.EventConfig, Verb: "applied"}
	if dryRun {
		return k.check(ctx, c)
	}
	return k.Commit(ctx, func([]config.Object) (Change, error) { return c, nil })
}

// Analyze is what there is to say about all that is stored.
func (k *Keeper) Analyze(ctx context.Context) ([]mesh.Finding, error) {
	objects, _, err := k.Objects(ctx)
	if err != nil {
		return nil, err
	}
	instances, err := k.deps.Instances(ctx)
	if err != nil {
		return nil, fmt.Errorf("analyze configuration: %w", err)
	}
	return analyze.Analyze(objects, config.NewWorld(instances)), nil
}

// Delete removes one resource. What is left must hold together without it.
func (k *Keeper) Delete(ctx context.Context, r Ref, by string) ([]mesh.Finding, error) {
	if _, err := k.table.Get(ctx, r.key()); err != nil {
		return nil, fmt.Errorf("delete %s: %w", r, err)
	}
	c := Change{By: by, Remove: []Ref{r}, Kind: mesh.EventConfig, Verb: "deleted"}
	return k.Commit(ctx, func([]config.Object) (Change, error) { return c, nil })
}

// SLOs are the objectives that are stored.
func (k *Keeper) SLOs(ctx context.Context) ([]mesh.SLO, error) {
	objects, _, err := k.Objects(ctx)
	if err != nil {
		return nil, err
	}
	out := []mesh.SLO{}
	for _, o := range objects {
		if o.SLO != nil {
			out = append(out, *o.SLO)
		}
	}
	return out, nil
}

// Ref names a resource.
type Ref struct{ Kind, Namespace, Name string }

// String is "VirtualService default/reviews".
func (r Ref) String() string { return r.Kind + " " + r.Namespace + "/" + r.Name }

// RefOf names an object.
func RefOf(o config.Object) Ref { return Ref{o.Kind, o.Namespace, o.Name} }

func (r Ref) key() string { return r.Kind + "/" + r.Namespace + "/" + r.Name }

// judge adds to routes of Gateway API how they stand.
func (k *Keeper) judge(ctx context.Context, resources []mesh.Resource) error {
	routes := func(r mesh.Resource) bool { return r.Kind == config.KindHTTPRoute || r.Kind == config.KindGRPCRoute }
	if !slices.ContainsFunc(resources, routes) {
		return nil
	}
	all, _, err := k.Objects(ctx)
	if err != nil {
		return err
	}
	instances, err := k.deps.Instances(ctx)
	if err != nil {
		return fmt.Errorf("judge routes: %w", err)
	}
	world := config.NewWorld(instances)
	for _, o := range all {
		for i, r := range resources {
			if RefOf(o) == (Ref{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}) {
				resources[i].Status = config.RouteStatus(o, all, world)
			}
		}
	}
	return nil
}
