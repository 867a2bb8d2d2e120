package upstream

import (
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/breaker"
)

// merge is a subset's policy: the service's, with every field replaced that the
// subset sets.
func merge(base mesh.Policy, over *mesh.Policy) mesh.Policy {
	if over == nil {
		return base
	}
	replace(&base.LoadBalancer, over.LoadBalancer)
	if over.Outlier != nil {
		base.Outlier = over.Outlier
	}
	l, o := &base.Limits, &over.Limits
	replace(&l.Connections, o.Connections)
	replace(&l.Pending, o.Pending)
	replace(&l.Requests, o.Requests)
	replace(&l.Retries, o.Retries)
	replace(&l.ConnectTimeout, o.ConnectTimeout)
	return base
}

func replace[T comparable](field *T, by T) {
	var unset T
	if by != unset {
		*field = by
	}
}

// policyOf is the policy of one instance: that of the first subset that holds it and
// has one, else the service's.
func policyOf(s *mesh.Snapshot, i *mesh.Instance) mesh.Policy {
	for n := range s.Subsets {
		if sub := &s.Subsets[n]; sub.Policy != nil && carries(i, sub.Labels) {
			return merge(s.Policy, sub.Policy)
		}
	}
	return s.Policy
}

// breakerConfig is the breaker's default, sharpened by a policy's outlier detection.
func breakerConfig(o *mesh.Outlier) breaker.Config {
	if o == nil {
		return breaker.Config{}
	}
	return breaker.Config{Failures: o.ConsecutiveErrors, Window: o.Interval, Base: o.BaseEjection}
}

func method(l mesh.LoadBalancer) balance.Method {
	switch l {
	case mesh.RoundRobin:
		return balance.RoundRobin
	case mesh.LeastRequest:
		return balance.LeastRequest
	case mesh.Random:
		return balance.Random
	case mesh.PeakEWMA:
	}
	return balance.PeakEWMA
}
