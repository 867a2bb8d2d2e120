// Package traffic divides the requests to a service over its versions by editing
// the service's VirtualService as a careful person would, and can take that back.
package traffic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/resource"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// ErrNothingToUndo is wrapped when the weights were never changed here, or all
// changes have been taken back.
var ErrNothingToUndo = errors.New("nothing to undo")

const kept = 20 // steps of undo

// step is one change of weights, to be taken back.
type step struct {
	Before map[mesh.Version]uint32 `json:"before,omitempty"`
	Route  string                  `json:"route,omitempty"` // the manifest before; "" for none
	After  string                  `json:"after"`           // the manifest this step left
	At     time.Time               `json:"at"`
}

// Deps is what a Shifter works with.
type Deps struct {
	Store     *store.Store
	Resources *resource.Keeper
	Instances func(ctx context.Context) ([]mesh.Instance, error)
}

// Shifter shifts traffic. Its methods may be called from any goroutine.
type Shifter struct {
	deps    Deps
	history store.Table[[]step]
	now     func() time.Time
}

// New keeps the steps to be taken back in d.Store.
func New(d Deps) *Shifter {
	return &Shifter{deps: d, history: store.TableOf[[]step](d.Store, store.Traffic), now: time.Now}
}

// Traffic is how the requests to a service are divided now.
func (s *Shifter) Traffic(ctx context.Context, name mesh.ServiceName) (mesh.Traffic, error) {
	objects, _, err := s.deps.Resources.Objects(ctx)
	if err != nil {
		return mesh.Traffic{}, err
	}
	instances, err := s.deps.Instances(ctx)
	if err != nil {
		return mesh.Traffic{}, err
	}
	steps, err := s.steps(ctx, name)
	if err != nil {
		return mesh.Traffic{}, err
	}
	split := config.SplitOf(objects, name)
	out := mesh.Traffic{
		Service:  name,
		Weights:  split.Weights,
		Versions: versions(instances, name),
		Matches:  split.Matches,
	}
	if out.Weights == nil {
		out.Weights = map[mesh.Version]uint32{}
	}
	if split.Route != nil {
		out.Source, out.Manifest = split.Route.Key(), string(split.Route.Source)
	}
	if n := len(steps); n > 0 {
		out.CanUndo, out.Undo, out.Changed = true, steps[n-1].Before, steps[n-1].At
	}
	return out, nil
}

// SetTraffic divides the requests to a service by weights. Routes with conditions,
// timeouts, retries and comments stay; a VirtualService and subsets are made where
// there are none. Weights are relative; a version without one gets nothing, and one
// that has no instance cannot get any.
func (s *Shifter) SetTraffic(ctx context.Context, name mesh.ServiceName, weights map[mesh.Version]uint32, by string) (mesh.Traffic, error) {
	if err := s.check(ctx, name, weights); err != nil {
		return mesh.Traffic{}, fmt.Errorf("set traffic of %s: %w", name, err)
	}
	_, err := s.deps.Resources.Commit(ctx, func(now []config.Object) (resource.Change, error) {
		steps, err := s.steps(ctx, name)
		if err != nil {
			return resource.Change{}, err
		}
		put, err := config.SetWeights(now, name, weights)
		if err != nil {
			return resource.Change{}, fmt.Errorf("%w: %w", resource.ErrRefused, err)
		}
		before := config.SplitOf(now, name)
		done := step{Before: before.Weights, At: s.now().UTC()}
		if before.Route != nil {
			done.Route = string(before.Route.Source)
		}
		for _, o := range put {
			if o.Kind == config.KindVirtualService {
				done.After = string(o.Source)
			}
		}
		next := append(slices.Clone(steps), done)
		next = next[max(0, len(next)-kept):]
		return resource.Change{
			By:      by,
			Put:     put,
			Kind:    mesh.EventTraffic,
			Summary: "traffic of " + string(name) + " set to " + text(weights),
			Target:  name,
			With:    []store.Op{s.history.Put(string(name), next)},
		}, nil
	})
	if err != nil {
		return mesh.Traffic{}, fmt.Errorf("set traffic of %s: %w", name, err)
	}
	return s.Traffic(ctx, name)
}

// UndoTraffic takes the last change of weights back. If the VirtualService was
// edited otherwise since, that edit stays and only the weights are as before.
func (s *Shifter) UndoTraffic(ctx context.Context, name mesh.ServiceName, by string) (mesh.Traffic, error) {
	_, err := s.deps.Resources.Commit(ctx, func(now []config.Object) (resource.Change, error) {
		steps, err := s.steps(ctx, name)
		if err == nil && len(steps) == 0 {
			err = ErrNothingToUndo
		}
		if err != nil {
			return resource.Change{}, err
		}
		last, rest := steps[len(steps)-1], steps[:len(steps)-1]
		c, err := last.back(now, name)
		c.By, c.Kind, c.Target = by, mesh.EventTraffic, name
		c.Summary = "traffic of " + string(name) + " taken back to " + text(last.Before)
		c.With = []store.Op{s.history.Put(string(name), rest)}
		return c, err
	})
	if err != nil {
		return mesh.Traffic{}, fmt.Errorf("undo traffic of %s: %w", name, err)
	}
	return s.Traffic(ctx, name)
}

// check refuses a share for a version that has no instance: those requests would have
// nowhere to go.
func (s *Shifter) check(ctx context.Context, name mesh.ServiceName, weights map[mesh.Version]uint32) error {
	instances, err := s.deps.Instances(ctx)
	if err != nil {
		return err
	}
	known := versions(instances, name)
	for v, w := range weights {
		if w > 0 && !slices.Contains(known, v) {
			return fmt.Errorf("%w: %s", resource.ErrRefused, noInstance(name, v, known))
		}
	}
	return nil
}

func noInstance(name mesh.ServiceName, v mesh.Version, known []mesh.Version) string {
	if len(known) == 0 {
		return fmt.Sprintf("%s has no instance with a version", name)
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	return fmt.Sprintf("version %q of %s has no instance: want %s", v, name, strings.Join(names, " or "))
}

// back is the change that takes the step back.
func (p step) back(now []config.Object, name mesh.ServiceName) (resource.Change, error) {
	route := config.SplitOf(now, name).Route
	untouched := route != nil && string(route.Source) == p.After
	switch {
	case untouched && p.Route == "":
		return resource.Change{Remove: []resource.Ref{resource.RefOf(*route)}}, nil
	case untouched:
		put, err := config.Parse([]byte(p.Route))
		if err != nil { // another version of the program took it
			err = fmt.Errorf("%w: the route as it was: %w", resource.ErrRefused, err)
		}
		return resource.Change{Put: put}, err
	case len(p.Before) == 0:
		return resource.Change{}, fmt.Errorf("%w: its configuration was edited since, and there were no weights before", resource.ErrRefused)
	}
	put, err := config.SetWeights(now, name, p.Before)
	return resource.Change{Put: put}, err
}

func (s *Shifter) steps(ctx context.Context, name mesh.ServiceName) ([]step, error) {
	steps, err := s.history.Get(ctx, string(name))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) { // of the latter the status tells
		return nil, nil
	}
	return steps, err
}

// Decode reads what is stored of a service, to find out whether that can be done.
func Decode(c store.Change) error {
	var steps []step
	return c.Decode(&steps)
}

func versions(instances []mesh.Instance, name mesh.ServiceName) []mesh.Version {
	out := []mesh.Version{}
	for _, i := range instances {
		if i.Service == name && i.Version != "" && !slices.Contains(out, i.Version) {
			out = append(out, i.Version)
		}
	}
	slices.SortFunc(out, func(a, b mesh.Version) int { return cmp.Compare(a, b) })
	return out
}

// text is "v1=90 v2=10".
func text(weights map[mesh.Version]uint32) string {
	if len(weights) == 0 {
		return "no weights"
	}
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(weights)) {
		parts = append(parts, fmt.Sprintf("%s=%d", v, weights[v]))
	}
	return strings.Join(parts, " ")
}
