package upstream

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Health is what checks found out about an instance. One that was never checked is
// taken for well: the control plane calls it ready.
type Health struct {
	Well    bool
	Why     string    // it is not: "GET /healthz: 500"
	Since   time.Time // of being so
	Checked time.Time // latest
}

// Checked is an instance that is to be checked.
type Checked struct {
	Instance *Instance
	Check    mesh.HealthCheck
}

// Checks lists the instances that a policy wants checked, each at the port that it names.
func (s *Set) Checks() []Checked {
	var out []Checked
	for _, i := range s.view.Load().instances {
		if t := i.terms.Load(); t.check != nil && t.checked && t.state == mesh.Ready {
			out = append(out, Checked{Instance: i, Check: *t.check})
		}
	}
	return out
}

// SetHealth says what checks found out, of the copy at all of its ports. An instance that
// got well again is let back in by outlier detection, and warms up anew.
func (s *Set) SetHealth(i *Instance, h Health) {
	s.setHealth(i, h)
	if !i.terms.Load().ported {
		return
	}
	copied := keyOf(&i.Info, mesh.Port{})
	for k, other := range s.view.Load().instances {
		k.port, k.name = 0, ""
		if other != i && k == copied {
			s.setHealth(other, h)
		}
	}
}

func (s *Set) setHealth(i *Instance, h Health) {
	old := i.health.Swap(&h)
	was := old == nil || old.Well
	if was == h.Well {
		return
	}
	if h.Well {
		now := s.deps.Now()
		if m := i.terms.Load().member; m != nil {
			m.Heal()
		}
		i.load.Forget(now)
		i.load.Warm(now)
	}
	i.service.generation.Add(1)
}

// Idle is how long the instance's service has not been called.
func (i *Instance) Idle(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - i.service.used.Load())
}

// well reports whether checks have nothing against the instance.
func (i *Instance) well() bool {
	h := i.health.Load()
	return h == nil || h.Well
}

// HealthCheck is how the policy wants the instance to be checked; nil is not at all.
func (i *Instance) HealthCheck() *mesh.HealthCheck { return i.terms.Load().check }
