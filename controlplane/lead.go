package controlplane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/remedy"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	// decider is the office of the one control plane that decides without a person, and
	// tells the timeline what all see.
	decider   = "decider"
	leaderTTL = 3 * time.Second
	// vacancy is how long observations wait for somebody to lead.
	vacancy = 2 * time.Second
	// reporterRest is how long the one whose observations are taken may say nothing before
	// another's are: of several that look at the same requests one is to be heard.
	reporterRest = 3 * time.Second
)

// lead stands for election until ctx ends, and decides while it leads.
func (p *plane) lead(ctx context.Context) {
	p.store.Campaign(ctx, store.Candidate{
		Office: decider, ID: p.replicas.own, TTL: leaderTTL,
		Lead: func(ctx context.Context, t store.Term) {
			p.deps.Logger.Info("leads the control planes", "replica", p.replicas.own)
			p.leads.Store(true)
			signal(p.authorityNews) // alarms are its to raise now
			p.sayUnreadable()
			p.sayRoots(ctx)
			defer p.leads.Store(false)
			sourced := p.followSources(ctx, t)
			defer sourced.Wait()
			_ = p.remedy.Run(ctx, p.journal.termed(t)) // never an error
			p.deps.Logger.Info("leads no more", "replica", p.replicas.own)
		},
	})
}

// report takes what a look has seen, here or where it is decided on. from is the control
// plane that passes it on, "" for none.
func (p *plane) report(ctx context.Context, seen []mesh.Observation, from string) error {
	err := p.decideOn(ctx, seen, from)
	if from != "" {
		return err
	}
	for wait := time.Now().Add(vacancy); errors.Is(err, remedy.ErrNotLeading) && time.Now().Before(wait); {
		if err = p.passOn(ctx, seen); !errors.Is(err, remedy.ErrNotLeading) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leaderTTL / 30):
		}
		err = p.decideOn(ctx, seen, from)
	}
	return err
}

func (p *plane) decideOn(ctx context.Context, seen []mesh.Observation, from string) error {
	if !p.leads.Load() {
		return remedy.ErrNotLeading
	}
	if !p.reporter.heard(from, time.Now()) {
		return nil // somebody else's are taken
	}
	return p.remedy.Report(ctx, seen)
}

// passOn gives observations to the control plane that leads.
func (p *plane) passOn(ctx context.Context, seen []mesh.Observation) error {
	leader, err := p.store.Leader(ctx, decider)
	if err != nil {
		return err
	}
	peers, err := p.replicas.peers(ctx)
	if err != nil {
		return err
	}
	peer := peers[leader]
	if peer == nil {
		return fmt.Errorf("%w, and nobody has been elected to yet", remedy.ErrNotLeading)
	}
	if err := peer.PassOn(ctx, seen, p.replicas.own); err != nil {
		return fmt.Errorf("pass observations on to %s: %w", leader, err)
	}
	return nil
}

// reporter is whose observations are taken.
type reporter struct {
	mu   sync.Mutex // guards what follows
	who  string
	last time.Time
}

// heard reports whether someone's observations are to be taken.
func (r *reporter) heard(who string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if who != r.who && now.Sub(r.last) < reporterRest {
		return false
	}
	r.who, r.last = who, now
	return true
}
