// Package resource keeps the mesh's configuration as people wrote it. A change is
// looked at together with everything that is there already, stored in one step
// with the event that tells who made it, or refused as a whole.
package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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
	Logger    *slog.Logger // nil is silence
}

// Keeper keeps the configuration. Its methods may be called from any goroutine.
type Keeper struct {
	deps    Deps
	table   store.Table[mesh.Resource]
	history store.Table[record]
	now     func() time.Time
	analyze func([]config.Object, config.World) []mesh.Finding
	// trimHistory removes what is older than is kept.
	trimHistory func(context.Context) error

	changes   sync.Mutex // one change at a time: a guard of the store does not see deletions
	untrimmed int        // bytes of history since the last trim; guarded by changes

	mu       sync.Mutex // guards what follows
	parsed   map[string]parsed
	analyzed []analyzed // last: without and with the newest change

	standing standing
}

// New keeps the configuration in d.Store.
func New(d Deps) *Keeper {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{
		deps:    d,
		table:   store.TableOf[mesh.Resource](d.Store, store.Resources),
		history: store.TableOf[record](d.Store, store.History),
		now:     time.Now,
		analyze: analyze.Analyze,
		parsed:  map[string]parsed{},
	}
	k.trimHistory = func(ctx context.Context) error {
		return errors.Join(k.history.DeleteOldest(ctx, HistoryCap), k.history.KeepBytes(ctx, HistoryBytes))
	}
	return k
}

// Resources is what is stored, in the order of kind, namespace and name; of one
// kind alone unless that is "". What cannot be read is among it.
func (k *Keeper) Resources(ctx context.Context, kind string) ([]mesh.Resource, error) {
	now, err := k.stored(ctx)
	if err != nil {
		return nil, err
	}
	out := []mesh.Resource{}
	for _, i := range now.all {
		ref := refOf(i.Key)
		if kind != "" && kind != ref.Kind {
			continue
		}
		r := i.Value
		r.Kind, r.Namespace, r.Name = ref.Kind, ref.Namespace, ref.Name
		r.Version, r.Unreadable = uint64(i.Revision), now.reason(ref)
		out = append(out, r)
	}
	return out, k.judge(ctx, out, now.objects)
}

// Objects is what is stored and can be read, parsed, and the store's revision.
func (k *Keeper) Objects(ctx context.Context) ([]config.Object, int64, error) {
	now, err := k.stored(ctx)
	return now.objects, now.revision, err
}

// Apply stores every resource of a manifest, in place of those of the same name.
// It returns all that there is to say about them; with ErrRefused when that forbids
// the change. A dry run changes nothing.
func (k *Keeper) Apply(ctx context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error) {
	objects, err := config.Parse(manifest)
	if err != nil {
		if bad, ok := errors.AsType[*config.Error](err); ok {
			return bad.Findings, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return nil, fmt.Errorf("apply: %w", err)
	}
	return k.change(ctx, dryRun, func(now stored) (Change, error) {
		return Change{By: by, Put: objects, Kind: mesh.EventConfig, Verb: "applied"}, now.fresh(objects)
	})
}

// Replace is Apply of a manifest of one resource, which must still be stored in the
// version given: ErrStale if it is not.
func (k *Keeper) Replace(ctx context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error) {
	objects, err := config.Parse(manifest)
	if bad, ok := errors.AsType[*config.Error](err); ok {
		return bad.Findings, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err != nil {
		return nil, fmt.Errorf("replace: %w", err)
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("%w: the manifest holds %d resources, want the one that is of version %d", ErrRefused, len(objects), version)
	}
	objects[0].ResourceVersion = cmp.Or(objects[0].ResourceVersion, strconv.FormatUint(version, 10))
	return k.change(ctx, false, func(now stored) (Change, error) {
		return Change{By: by, Put: objects, Kind: mesh.EventConfig, Verb: "applied"}, now.fresh(objects)
	})
}

// Analyze is what there is to say about all that is stored.
func (k *Keeper) Analyze(ctx context.Context) ([]mesh.Finding, error) {
	now, err := k.stored(ctx)
	if err != nil {
		return nil, err
	}
	instances, err := k.deps.Instances(ctx)
	if err != nil {
		return nil, fmt.Errorf("analyze configuration: %w", err)
	}
	return append(now.unreadable(), k.analyze(now.objects, config.NewWorld(instances))...), nil
}

// Delete removes one resource, be it that it cannot be read. What is left must hold
// together without it.
func (k *Keeper) Delete(ctx context.Context, r Ref, by string) ([]mesh.Finding, error) {
	return k.commit(ctx, func(now stored) (Change, error) {
		if now.sources[r] == "" {
			return Change{}, fmt.Errorf("delete %s: %w", r, ErrNotFound)
		}
		return Change{By: by, Remove: []Ref{r}, Kind: mesh.EventConfig, Verb: "deleted"}, nil
	})
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
