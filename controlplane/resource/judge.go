package resource

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// judge adds to routes of Gateway API how they stand.
func (k *Keeper) judge(ctx context.Context, resources []mesh.Resource, all []config.Object) error {
	routes := func(r mesh.Resource) bool { return r.Kind == config.KindHTTPRoute || r.Kind == config.KindGRPCRoute }
	if !slices.ContainsFunc(resources, routes) {
		return nil
	}
	instances, err := k.deps.Instances(ctx)
	if err != nil {
		return fmt.Errorf("judge routes: %w", err)
	}
	world, now := config.NewWorld(instances), k.now()
	for _, o := range all {
		for i := range resources {
			r := &resources[i]
			if RefOf(o) == refTo(r) {
				r.Status = config.RouteStatus(o, all, world)
				k.standing.date(r, now)
			}
		}
	}
	k.standing.forget(all)
	return nil
}

// standing is since when the conditions of routes are as they are. They are made from
// what is stored and what runs whenever somebody looks, so that a change is noticed by
// who looks next, in each control plane by itself; before anybody has, a condition is as
// old as its route.
type standing struct {
	mu    sync.Mutex
	since map[Ref]map[string]transition
}

// transition is the latest change of a condition.
type transition struct {
	status string
	at     time.Time
}

// date fills in since when each condition of a route is what it is.
func (s *standing) date(r *mesh.Resource, now time.Time) {
	if r.Status == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := refTo(r)
	before, next := s.since[ref], map[string]transition{}
	for _, p := range r.Status.Parents {
		for i := range p.Conditions {
			c := &p.Conditions[i]
			key := fmt.Sprintf("%s/%s:%d %s", p.ParentRef.Namespace, p.ParentRef.Name, p.ParentRef.Port, c.Type)
			t, noticed := before[key]
			switch {
			case !noticed:
				t = transition{c.Status, r.Changed}
			case t.status != c.Status:
				t = transition{c.Status, now}
			}
			next[key] = t
			c.LastTransitionTime, c.ObservedGeneration = t.at.UTC().Truncate(time.Second), int64(r.Version) //nolint:gosec // a revision
		}
	}
	if s.since == nil {
		s.since = map[Ref]map[string]transition{}
	}
	s.since[ref] = next
}

func refTo(r *mesh.Resource) Ref { return Ref{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name} }

// forget lets go of routes that are gone.
func (s *standing) forget(all []config.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := make(map[Ref]bool, len(s.since))
	for _, o := range all {
		there[RefOf(o)] = true
	}
	for ref := range s.since {
		if !there[ref] {
			delete(s.since, ref)
		}
	}
}
