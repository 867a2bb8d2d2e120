package controlplane

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	auditBuffer = 1024        // events that wait to be appended; more are dropped and logged
	author      = "sightline" // of what no person and no remedy did
)

// load reads the state of the moment, all of it as of one revision of the store:
// a version stands for one content only, and a route is never pushed before the
// instances it was made for.
func (p *plane) load(ctx context.Context) (hub.State, error) {
	objects, revision, err := p.resources.Objects(ctx)
	if err != nil {
		return hub.State{}, err
	}
	verdicts, err := p.journal.at(ctx, revision)
	if err != nil {
		return hub.State{}, err
	}
	instances, _, err := p.registry.ListAt(ctx, revision)
	if err != nil {
		return hub.State{}, err
	}
	set, err := p.settingsAt(ctx, revision)
	if err != nil {
		return hub.State{}, err
	}
	version := uint64(revision)
	return hub.State{
		Version:   version,
		Snapshots: compile.Snapshots(objects, instances, verdicts, version),
		Instances: instances,
		Policies:  compile.InboundPolicies(objects).With(set.PathNormalization),
		Built:     time.Now(),
	}, nil
}

// snapshots are what sidecars are sent now, nil before the first.
func (p *plane) snapshots() map[mesh.ServiceName]mesh.Snapshot {
	if s := p.hub.State(); s != nil {
		return s.Snapshots
	}
	return nil
}

func (p *plane) instances(ctx context.Context) ([]mesh.Instance, error) {
	instances, _, err := p.registry.List(ctx)
	return instances, err
}

// changed is told of every change in the store.
func (p *plane) changed(table string) {
	switch table {
	case store.Verdicts, "": // a verdict is there to stop failures: it does not wait for company
		p.hub.NotifyNow()
	case store.Resources, store.Instances, store.Settings:
		p.hub.Notify()
	}
}

// refused tells the timeline that a sidecar will not have a push.
func (p *plane) refused(i mesh.Instance, version uint64, reason string) {
	p.tell(mesh.Event{
		Kind:    mesh.EventRefused,
		Target:  mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID},
		Summary: fmt.Sprintf("%s refused configuration %d: %s", i.ID, version, reason),
		By:      string(i.ID),
		Detail:  map[string]string{"version": strconv.FormatUint(version, 10), "reason": reason},
	})
}

// replaced tells the timeline which instances came, went or began to drain. After
// a restart there is nothing to compare with, and nothing came or went.
func (p *plane) replaced(before, after *hub.State) {
	if before == nil {
		return
	}
	was := make(map[mesh.InstanceID]mesh.Instance, len(before.Instances))
	for _, i := range before.Instances {
		was[i.ID] = i
	}
	for _, i := range after.Instances {
		old, there := was[i.ID]
		delete(was, i.ID)
		switch {
		case !there:
			p.tell(lifecycle(i, "joined"))
		case old.State != i.State && i.State == mesh.Draining:
			p.tell(lifecycle(i, "is draining"))
		case old.State == mesh.Starting && i.State == mesh.Ready:
			p.tell(lifecycle(i, "is ready"))
		}
	}
	for _, i := range was {
		p.tell(lifecycle(i, "left"))
	}
}

func lifecycle(i mesh.Instance, what string) mesh.Event {
	return mesh.Event{
		Kind:    mesh.EventInstance,
		Target:  mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID},
		Summary: string(i.ID) + " " + what,
		By:      author,
		Detail:  map[string]string{"state": string(i.State), "address": i.Address.String()},
	}
}

// tell hands an event to record and never blocks.
func (p *plane) tell(e mesh.Event) {
	e.Time = time.Now().UTC()
	select {
	case p.audit <- e:
	default:
		p.deps.Logger.Warn("event dropped: too many at once", "event", e.Summary)
	}
}

func (p *plane) record(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-p.audit:
			if err := p.events.Append(ctx, e); err != nil && ctx.Err() == nil {
				p.deps.Logger.Warn("event lost", "event", e.Summary, "reason", err)
			}
		}
	}
}
