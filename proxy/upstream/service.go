package upstream

import (
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/outlier"
)

// service is what all groups of one port of a service share. It outlives updates.
type service struct {
	// generation grows with every change to what may be chosen: of a breaker, of an
	// instance's health, of the pushed terms. A choice of an older one is stale.
	generation atomic.Uint64
	used       *atomic.Int64 // when an instance was chosen last, at any port, in nanoseconds since the epoch
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

// newService makes one; first is that of the service's first port, nil for itself.
func newService(first *service) *service {
	s := &service{used: new(atomic.Int64), guard: newGuard(), scopes: make(map[string]*scope)}
	if first != nil {
		s.used = first.used
	}
	return s
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
func scopeOf(s *mesh.Snapshot, i *mesh.Instance, port uint16) (name string, p mesh.Policy) {
	for n := range s.Subsets {
		if sub := &s.Subsets[n]; (sub.Policy != nil || len(sub.PortPolicies) > 0) && carries(i, sub.Labels) {
			return sub.Name, subsetPolicy(s, sub, port)
		}
	}
	return "", basePolicy(s, port)
}

// basePolicy is the service's at one of its ports.
func basePolicy(s *mesh.Snapshot, port uint16) mesh.Policy {
	return s.Policy.For(port, s.PortPolicies, s)
}

// subsetPolicy is a subset's at a port of the service.
func subsetPolicy(s *mesh.Snapshot, sub *mesh.Subset, port uint16) mesh.Policy {
	return merge(basePolicy(s, port), sub.Policy).For(port, sub.PortPolicies, s)
}

func outlierConfig(o *mesh.Outlier) outlier.Config {
	return outlier.Config{
		Errors: o.ConsecutiveErrors, Gateway: o.ConsecutiveGateway, Local: o.ConsecutiveLocal, Split: o.Split,
		Interval: o.Interval, Base: o.BaseEjection, MaxPercent: o.MaxEjectedPercent,
	}
}
