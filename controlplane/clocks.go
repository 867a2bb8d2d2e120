package controlplane

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	clocksEvery   = 10 * time.Second // at which the others' clocks are looked at
	clockCritical = 4 * time.Minute  // apart: handshakes fail soon
	clocksNamed   = 3                // of those that go wrong at once
)

// clock is one that does not go as this control plane's does.
type clock struct {
	who    string
	target mesh.Target // zero for a control plane's
	ahead  time.Duration
}

// compareClocks keeps how far the others' clocks are ahead of this one's, until ctx ends.
func (r *replicas) compareClocks(ctx context.Context) {
	tick := time.NewTicker(clocksEvery)
	defer tick.Stop()
	for {
		if peers, err := r.peers(ctx); err == nil { // a store that is away is told of elsewhere
			now := map[string]time.Duration{}
			askEach(ctx, peers, (*admin.Client).ClockAhead, func(id string, ahead time.Duration, err error) {
				if err == nil { // of one that does not answer nothing is known
					now[id] = ahead
				}
			})
			r.mu.Lock()
			r.ahead = now
			r.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// clocks are how far the others' are ahead, by id.
func (r *replicas) clocks() map[string]time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.ahead)
}

// skewed are the clocks of all that are connected, wherever that is, and of the other
// control planes, as far as they go wrong.
func (p *plane) skewed(ctx context.Context) ([]clock, error) {
	sums, err := p.holders.All(ctx)
	if err != nil {
		return nil, err
	}
	var out []clock
	for _, s := range sums {
		for _, h := range s.Skewed {
			out = append(out, clock{string(h.Instance), mesh.Target{Service: h.Service, Instance: h.Instance}, h.ClockAhead()})
		}
	}
	for id, ahead := range p.replicas.clocks() {
		if ahead.Abs() >= identity.Skewed {
			out = append(out, clock{who: "control plane " + id, ahead: ahead})
		}
	}
	slices.SortFunc(out, func(a, b clock) int { return strings.Compare(a.who, b.who) })
	return out, nil
}

// step is how bad it is.
func (c clock) step() string {
	if c.ahead.Abs() >= clockCritical {
		return string(identity.Critical)
	}
	return string(identity.Warning)
}

// key is what alarms know it by.
func (c clock) key() string { return "clock of " + c.who }

// diverge tells of clocks that go wrong, or do so more than before: of many at once in one
// event, as where the control plane's own is the one.
func (a *alarms) diverge(news []clock) {
	for _, step := range []string{string(identity.Warning), string(identity.Critical)} {
		var at []clock
		for _, c := range news {
			if c.step() == step {
				at = append(at, c)
			}
		}
		if len(at) == 0 {
			continue
		}
		var keys, words []string
		for n, c := range at {
			keys = append(keys, c.key())
			if n < clocksNamed {
				words = append(words, c.who+" "+aheadOf(c.ahead))
			}
		}
		e := mesh.Event{
			Kind: mesh.EventIdentity, By: author,
			Summary: "clocks differ from the control plane's: " + strings.Join(words, ", "),
			Detail:  map[string]string{detailClocks: strings.Join(keys, ","), detailAlarm: step},
		}
		if len(at) == 1 {
			e.Target = at[0].target
		}
		if more := len(at) - clocksNamed; more > 0 {
			e.Summary += fmt.Sprintf(" and %d more", more)
		}
		e.Summary += "; handshakes fail from five minutes on"
		a.logger.Error("clocks differ", "clocks", keys, "alarm", step)
		a.tell(e)
	}
}

// aheadOf is it in words: "3m0s ahead".
func aheadOf(d time.Duration) string {
	if d < 0 {
		return d.Abs().Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead"
}
