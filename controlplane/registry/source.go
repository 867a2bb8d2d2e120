package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	// MaxSourced is how many instances one source may tell of.
	MaxSourced = 20000

	sourcedAtOnce = 100         // changes in one commit, as any etcd takes
	writeAgain    = time.Second // after the store did not take them
)

// Source tells of instances that no sidecar of their own registers: those of a file, of
// DNS, of another platform's registry.
type Source interface {
	// Name is what the instances are known to be from: a DNS label that no other source
	// has, and that stays the same.
	Name() string
	// Run tells of all instances there are, whole, as soon as it knows them and whenever
	// they are others, until ctx ends. Their ids are unique in the source and stay an
	// instance's for its life: another workload at the same address has another. Run
	// returns what is wrong with the source itself, and never for what may pass.
	Run(ctx context.Context, to Listener) error
}

// Listener is told by a source. Neither method blocks; both take over what they are given.
type Listener interface {
	// Replace says that these are all there are now.
	Replace(all []mesh.Instance)
	// Trouble says why nothing newer is known of some or all: what was told of them last
	// stays in force. Nil says that this is over.
	Trouble(err error)
}

// Following is what Follow works with.
type Following struct {
	Source Source
	// Term is the one that this control plane leads in: of several, one writes.
	Term   store.Term
	Logger *slog.Logger
	// Tell is told when the source gets into trouble, and with nil when that is over. It
	// must not block.
	Tell func(source string, trouble error)
}

// Follow keeps the instances of a source registered, until ctx or the term ends, which is
// no error. They stay as they are then: whoever leads next takes them over, and what a
// source said last outlives a control plane.
func (r *Registry) Follow(ctx context.Context, f Following) error {
	w := &follower{
		Following: f, r: r, origin: f.Source.Name(), next: make(chan []mesh.Instance, 1),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := f.Source.Run(ctx, w); err != nil {
			return fmt.Errorf("source %s: %w", w.origin, err)
		}
		return nil
	})
	g.Go(func() error { return w.write(ctx) })
	if err := g.Wait(); !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

// Forget removes the instances of sources that are not among these: nobody speaks for
// them any more.
func (r *Registry) Forget(ctx context.Context, term store.Term, sources ...Source) error {
	known := []string{""}
	for _, s := range sources {
		known = append(known, s.Name())
	}
	items, _, _, err := r.table.Readable(ctx) // of what cannot be read nobody knows whose it is
	if err != nil {
		return err
	}
	var ops []store.Op
	for _, i := range items {
		if !slices.Contains(known, i.Value.Origin) {
			ops = append(ops, r.table.Delete(i.Key))
		}
	}
	return r.commit(ctx, term, ops)
}

// commit makes changes in steps of a size that every etcd takes.
func (r *Registry) commit(ctx context.Context, term store.Term, ops []store.Op) error {
	for some := range slices.Chunk(ops, sourcedAtOnce) {
		if err := r.store.Commit(ctx, []store.Guard{term.Guard()}, some...); err != nil {
			return err
		}
	}
	return nil
}

// follower writes what a source says.
type follower struct {
	Following

	r      *Registry
	origin string
	next   chan []mesh.Instance // capacity 1: the newest

	// Owned by the source.
	trouble string
}

// Replace implements Listener.
func (w *follower) Replace(all []mesh.Instance) {
	if len(all) > MaxSourced {
		w.Trouble(fmt.Errorf("it tells of %d instances; at most %d are taken", len(all), MaxSourced))
		return
	}
	select { // only the source sends, so that there is room then
	case <-w.next:
	default:
	}
	w.next <- all
}

// Trouble implements Listener. What is said twice is told once.
func (w *follower) Trouble(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == w.trouble {
		return
	}
	w.trouble = text
	if err != nil {
		w.Logger.Error("source of instances fails; what it said last stays in force", "source", w.origin, "reason", err)
	} else {
		w.Logger.Info("source of instances works again", "source", w.origin)
	}
	w.Tell(w.origin, err)
}

// write stores what is new until ctx ends, or another control plane leads.
func (w *follower) write(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case all := <-w.next:
			if err := w.settle(ctx, all); err != nil {
				return err
			}
		}
	}
}

// settle stores one word of the source, or a newer one, however long it takes.
func (w *follower) settle(ctx context.Context, all []mesh.Instance) error {
	for {
		err := w.store(ctx, all)
		if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrConflict) {
			return err
		}
		w.Logger.Warn("instances are stored again", "source", w.origin, "in", writeAgain, "reason", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(writeAgain):
		case all = <-w.next:
		}
	}
}

// store makes what is registered of the source what it says, and writes only what differs.
func (w *follower) store(ctx context.Context, all []mesh.Instance) error {
	items, unread, _, err := w.r.table.Readable(ctx)
	if err != nil {
		return err
	}
	gone := map[string]mesh.Instance{}
	for _, u := range unread {
		if strings.HasPrefix(u.Key, w.origin+"/") {
			gone[u.Key] = mesh.Instance{} // it is written anew, or removed
		}
	}
	for _, i := range items {
		if i.Value.Origin == w.origin {
			gone[i.Key] = i.Value
		}
	}
	var ops []store.Op
	now := time.Now().UTC()
	for _, i := range all {
		i.ID, i.Origin, i.Since = mesh.InstanceID(w.origin+"/"+string(i.ID)), w.origin, now
		old, there := gone[string(i.ID)]
		if delete(gone, string(i.ID)); there && !old.Since.IsZero() {
			i.Since = old.Since
		}
		if !there || !reflect.DeepEqual(old, i) {
			ops = append(ops, w.r.table.Put(string(i.ID), i))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		ops = append(ops, w.r.table.Delete(key))
	}
	return w.r.commit(ctx, w.Term, ops)
}
