package up

import (
	"context"
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
	}, rules.Deps{Engine: e, Samples: r.store})
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
