package upstream

import (
	"reflect"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
)

// merge is a subset's policy: the service's, with every field replaced that the
// subset sets.
func merge(base mesh.Policy, over *mesh.Policy) mesh.Policy {
	if over == nil {
		return base
	}
	if over.LoadBalancer != "" {
		base.LoadBalancer, base.Hash = over.LoadBalancer, over.Hash
	}
	replace(&base.Warmup, over.Warmup)
	replace(&base.Locality, over.Locality)
	replace(&base.Outlier, over.Outlier)
	replace(&base.RetryBudget, over.RetryBudget)
	replace(&base.HealthCheck, over.HealthCheck)
	if over.MTLS != "" {
		base.MTLS, base.TLS = over.MTLS, over.TLS
	}
	l, o := &base.Limits, &over.Limits
	replace(&l.Connections, o.Connections)
	replace(&l.Pending, o.Pending)
	replace(&l.Requests, o.Requests)
	replace(&l.Retries, o.Retries)
	replace(&l.ConnectTimeout, o.ConnectTimeout)
	replace(&l.RequestsPerConnection, o.RequestsPerConnection)
	replace(&l.Streams, o.Streams)
	replace(&l.IdleTimeout, o.IdleTimeout)
	replace(&l.StreamIdle, o.StreamIdle)
	replace(&l.ConnectionAge, o.ConnectionAge)
	replace(&l.Keepalive, o.Keepalive)
	return base
}

// plaintext reports whether an instance is called without mutual TLS: as the policy says,
// else as the instance takes it.
func plaintext(m mesh.MTLSMode, i *mesh.Instance) bool {
	return m == mesh.Disable || m != mesh.Mutual && i.Plaintext
}

// originates is how TLS to an instance is made that takes none of the mesh's; nil is not.
func originates(p *mesh.Policy, plain bool, i *mesh.Instance) *mesh.ClientTLS { //nolint:revive // how it is called
	if p.MTLS != mesh.Simple && p.MTLS != mesh.Own || !plain || !i.Plaintext {
		return nil
	}
	if p.TLS == nil {
		return &mesh.ClientTLS{}
	}
	return p.TLS
}

func sameTLS(a, b *mesh.ClientTLS) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(*a, *b)
}

func replace[T comparable](field *T, by T) {
	var unset T
	if by != unset {
		*field = by
	}
}

func method(l mesh.LoadBalancer) balance.Method {
	switch l {
	case mesh.RoundRobin:
		return balance.RoundRobin
	case mesh.LeastRequest:
		return balance.LeastRequest
	case mesh.Random, mesh.RingHash, mesh.Maglev: // a request without a key goes anywhere
		return balance.Random
	case mesh.PeakEWMA:
	}
	return balance.PeakEWMA
}

func warmup(w *mesh.Warmup) balance.Warmup {
	if w == nil {
		return balance.Warmup{}
	}
	return balance.Warmup{Duration: w.Duration, Minimum: w.MinPercent / 100, Aggression: w.Aggression}
}

// sameConnections compares what connections are made under.
func sameConnections(a, b *terms) bool {
	return a.plain == b.plain && a.protocol == b.protocol && sameTLS(a.tls, b.tls) && sameLimits(a.limits, b.limits)
}

// sameLimits compares what connections are made under.
func sameLimits(a, b mesh.Limits) bool {
	same := equal(a.Keepalive, b.Keepalive)
	a.Keepalive, b.Keepalive = nil, nil
	return same && a == b
}
