package upstream

import (
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/outlier"
)

// service is what all groups of one service share. It outlives updates.
type service struct {
	// generation grows with every change to what may be chosen: of a breaker, of an
	// instance's health, of the pushed terms. A choice of an older one is stale.
	generation atomic.Uint64
	used       atomic.Int64 // when an instance was chosen last, in nanoseconds since the epoch
	guard      *guard
	scopes     map[string]*scope // changed only by Update
}

// scope is what the instances that fall under one policy share: the service's, or that
// of a subset which has one of its own. To Envoy each of them is a cluster.
type scope struct {
	name     string // of the subset; "" is the service's
	detector *outlier.Detector
	quota    Quota
}

func newService() *service {
	return &service{guard: newGuard(), scopes: make(map[string]*scope)}
}

// scope is the one of a name, under a policy from now on.
func (s *service) scope(name string, p *mesh.Policy, now func() time.Time) *scope {
	sc := s.scopes[name]
	if sc == nil {
		sc = &scope{name: name}
		s.scopes[name] = sc
	}
	sc.quota.set(p.Limits)
	switch {
	case p.Outlier == nil:
		sc.detector = nil
	case sc.detector == nil:
		sc.detector = outlier.New(outlierConfig(p.Outlier), now)
	default:
		sc.detector.Configure(outlierConfig(p.Outlier))
	}
	return sc
}

// scopeOf names the scope of an instance: the first subset that holds it and has a
// policy, else the service. The policy is the one that holds there.
func scopeOf(s *mesh.Snapshot, i *mesh.Instance) (name string, p mesh.Policy) {
	for n := range s.Subsets {
		if sub := &s.Subsets[n]; sub.Policy != nil && carries(i, sub.Labels) {
			return sub.Name, merge(s.Policy, sub.Policy)
		}
	}
	return "", s.Policy
}

func outlierConfig(o *mesh.Outlier) outlier.Config {
	return outlier.Config{
		Errors: o.ConsecutiveErrors, Gateway: o.ConsecutiveGateway, Local: o.ConsecutiveLocal, Split: o.Split,
		Interval: o.Interval, Base: o.BaseEjection, MaxPercent: o.MaxEjectedPercent,
	}
}
