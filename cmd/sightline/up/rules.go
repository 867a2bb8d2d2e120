package up

import (
	"context"
	"net/url"
	"reflect"
	"time"

	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/rules"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// objectivesEvery is how often the control plane is asked for its objectives.
const objectivesEvery = 2 * time.Second

// newRules evaluates objectives and posts alerts.
func (m *Mesh) newRules(e *promql.Engine, r *roles) (*rules.Rules, error) {
	return rules.New(rules.Config{
		Alertmanager: m.c.Alertmanager, ExternalURL: "http://" + m.c.Listen, Files: m.c.RuleFiles, Logger: m.c.Logger,
	}, rules.Deps{Engine: e, Samples: r.store, Speaks: r.speaks.Load})
}

// dutyEvery is how often this process asks to go on with a duty.
const dutyEvery = 3 * time.Second

// duty is the name of evaluating rules over a store that several may share: by where it is,
// without who asks it. The store of this machine alone is nobody else's.
func (m *Mesh) duty() string {
	u, err := url.Parse(m.c.ClickHouse)
	if m.c.ClickHouse == "" || err != nil {
		return ""
	}
	return "rules " + u.Host + u.Path
}

// speak finds out again and again whether this process stores and tells what its rules find:
// of several on one store, one does. Where the control plane does not answer, it stays so.
func (m *Mesh) speak(ctx context.Context, r *roles) error {
	duty := m.duty()
	if duty == "" {
		r.speaks.Store(true)
		return nil
	}
	tick := time.NewTicker(dutyEvery)
	defer tick.Stop()
	for {
		held, err := r.plane.Duty(ctx, duty, r.self)
		if err == nil && r.speaks.Swap(held) != held {
			m.c.Logger.Info("rules are evaluated over a store that several share", "stored and told here", held)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// objectives keeps the rules at the objectives that the control plane has. Objectives
// are checked before they are accepted there; one that is refused all the same leaves
// the old ones in force.
func (m *Mesh) objectives(ctx context.Context, r *roles) error {
	tick := time.NewTicker(objectivesEvery)
	defer tick.Stop()
	var inForce []mesh.SLO
	for {
		wanted, err := r.plane.SLOs(ctx)
		if err == nil && !reflect.DeepEqual(wanted, inForce) {
			if err := r.rules.SetSLOs(wanted); err != nil {
				m.c.Logger.Error("objectives are not evaluated", "error", err)
			}
			inForce = wanted
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
