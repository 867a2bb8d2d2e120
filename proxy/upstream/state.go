package upstream

import (
	"cmp"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// State is what one instance looks like from here, for people to read.
type State struct {
	Service   mesh.ServiceName   `json:"service"`
	Version   mesh.Version       `json:"version,omitempty"`
	Instance  mesh.InstanceID    `json:"instance"`
	Address   string             `json:"address"`
	Lifecycle mesh.InstanceState `json:"lifecycle"`
	Breaker   string             `json:"breaker"` // admitting, tripped or probing
	Why       string             `json:"why,omitempty"`
	Since     time.Time          `json:"since"`
	Until     time.Time          `json:"until,omitzero"` // end of the breaker's back-off
	Verdict   *mesh.Verdict      `json:"verdict,omitempty"`
	Load      float64            `json:"load"` // seconds one more request is expected to take
	InFlight  int                `json:"inFlight"`
}

// States lists every instance, by service, version and ID.
func (s *Set) States() []State {
	v, now := s.view.Load(), s.deps.Now()
	out := make([]State, 0, len(v.instances))
	for _, i := range v.instances {
		t, b := i.terms.Load(), i.breaker.Status()
		out = append(out, State{
			Service:   i.Info.Service,
			Version:   i.Info.Version,
			Instance:  i.Info.ID,
			Address:   i.Info.Address.String(),
			Lifecycle: t.state,
			Breaker:   b.State.String(),
			Why:       b.Reason,
			Since:     b.Since,
			Until:     b.Until,
			Verdict:   t.verdict(now),
			Load:      i.load.Score(now),
			InFlight:  i.InFlight(),
		})
	}
	slices.SortFunc(out, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Address, b.Address))
	})
	return out
}
