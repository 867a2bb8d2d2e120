package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/mirror"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	auditBuffer    = 1024        // events that wait to be appended; more are dropped and logged
	recordedAtOnce = 100         // in one commit, as any etcd takes
	author         = "sightline" // of what no person and no remedy did
)

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
func (p *plane) changed(b store.Batch) {
	news := p.mirror.Tell(b)
	if b.Whole || slices.ContainsFunc(b.Changes, func(c store.Change) bool { return c.Table == store.Resources }) {
		signal(p.namesNews)
	}
	p.unread.check(b)
	p.sayUnreadable()
	switch news {
	case mirror.Urgent:
		p.hub.NotifyNow()
	case mirror.Ordinary:
		p.hub.Notify()
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
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

// turnedAway tells the timeline that a sidecar does not take connections.
func (p *plane) turnedAway(i mesh.Instance, t mesh.TurnedAway) {
	p.tell(mesh.Event{
		Kind:   mesh.EventPlaintext,
		Target: mesh.Target{Service: i.Service, Version: i.Version, Instance: i.ID},
		Summary: fmt.Sprintf("%s turned away %d connections in plaintext, the last from %s: it takes mutual TLS alone (STRICT, as PeerAuthentications say or by default)",
			i.ID, t.Plaintext, t.From),
		By:     string(i.ID),
		Detail: map[string]string{"connections": strconv.FormatUint(t.Plaintext, 10), "from": t.From},
	})
}

// replaced tells the timeline which instances came, went or began to drain. After
// a restart there is nothing to compare with, and nothing came or went.
func (p *plane) replaced(before, after *hub.State) {
	p.frames.keep(after)
	p.progress.reach(after.Version)
	if before == nil || !p.leads.Load() { // all control planes see it, and one is to tell
		return
	}
	was := before.Instances // both are in the order of their ids
	for n := range after.Instances {
		i := &after.Instances[n]
		for len(was) > 0 && was[0].ID < i.ID {
			p.tell(lifecycle(was[0], "left"))
			was = was[1:]
		}
		if len(was) == 0 || was[0].ID != i.ID {
			p.tell(lifecycle(*i, "joined"))
			continue
		}
		if what := became(was[0].State, i.State); what != "" {
			p.tell(lifecycle(*i, what))
		}
		was = was[1:]
	}
	for _, i := range was {
		p.tell(lifecycle(i, "left"))
	}
}

// became is what a change of an instance's state is called, empty where it is not told.
func became(old, now mesh.InstanceState) string {
	switch {
	case old != now && now == mesh.Draining:
		return "is draining"
	case old == mesh.Starting && now == mesh.Ready:
		return "is ready"
	}
	return ""
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

// record appends events, those that wait in one commit: two thousand sidecars that join
// at once must not hold the store up with a write each.
func (p *plane) record(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-p.audit:
			batch := append([]mesh.Event{e}, p.waiting()...)
			if err := p.events.Append(ctx, batch...); err != nil && ctx.Err() == nil {
				p.deps.Logger.Warn("events lost", "events", len(batch), "first", e.Summary, "reason", err)
			}
		}
	}
}

// waiting are events that have been told and not recorded, some of them.
func (p *plane) waiting() (out []mesh.Event) {
	for len(out) < recordedAtOnce-1 {
		select {
		case e := <-p.audit:
			out = append(out, e)
		default:
			return out
		}
	}
	return out
}
