package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func toPolicy(p *Policy) mesh.Policy {
	return mesh.Policy{
		LoadBalancer: mesh.LoadBalancer(p.GetLoadBalancer()),
		Hash:         toHash(p.GetHash()),
		Warmup:       toWarmup(p.GetWarmup()),
		Locality:     toLocalityLB(p.GetLocality()),
		Outlier:      toOutlier(p.GetOutlier()),
		Limits:       toLimits(p.GetLimits()),
		RetryBudget:  toRetryBudget(p.GetRetryBudget()),
		HealthCheck:  toHealthCheck(p.GetHealthCheck()),
		MTLS:         mesh.MTLSMode(p.GetMtls()),
		TLS:          toClientTLS(p.GetTls()),
	}
}

func toClientTLS(t *ClientTLS) *mesh.ClientTLS {
	if t == nil {
		return nil
	}
	return &mesh.ClientTLS{
		ServerName: t.GetServerName(), Names: t.GetNames(), Authorities: t.GetAuthorities(), Unverified: t.GetUnverified(),
		Certificate: t.GetCertificate(), Key: t.GetKey(),
	}
}

func toHash(h *Hash) *mesh.Hash {
	if h == nil {
		return nil
	}
	out := &mesh.Hash{Header: h.GetHeader(), Query: h.GetQuery(), SourceIP: h.GetSourceIp(), Size: int(h.GetSize())}
	if c := h.GetCookie(); c != nil {
		out.Cookie = &mesh.HashCookie{
			Name: c.GetName(), Set: c.GetSet(), TTL: toDuration(c.GetTtl()), Path: c.GetPath(),
			Attributes: each(c.GetAttributes(), func(a *CookieAttribute) mesh.CookieAttribute {
				return mesh.CookieAttribute{Name: a.GetName(), Value: a.GetValue()}
			}),
		}
	}
	return out
}

func toWarmup(w *Warmup) *mesh.Warmup {
	if w == nil {
		return nil
	}
	return &mesh.Warmup{Duration: toDuration(w.GetDuration()), MinPercent: w.GetMinPercent(), Aggression: w.GetAggression()}
}

func toLocalityLB(l *LocalityLB) *mesh.LocalityLB {
	if l == nil {
		return nil
	}
	return &mesh.LocalityLB{
		Off: l.GetOff(), Failover: l.GetFailover(), FailoverPriority: l.GetFailoverPriority(),
		Distribute: each(l.GetDistribute(), func(d *Distribute) mesh.Distribute {
			return mesh.Distribute{From: d.GetFrom(), To: d.GetTo()}
		}),
	}
}

func toOutlier(o *Outlier) *mesh.Outlier {
	if o == nil {
		return nil
	}
	return &mesh.Outlier{
		ConsecutiveErrors:  int(o.GetConsecutiveErrors()),
		ConsecutiveGateway: int(o.GetConsecutiveGateway()),
		ConsecutiveLocal:   int(o.GetConsecutiveLocal()),
		Split:              o.GetSplit(),
		Interval:           toDuration(o.GetInterval()),
		BaseEjection:       toDuration(o.GetBaseEjection()),
		MaxEjectedPercent:  int(o.GetMaxEjectedPercent()),
		MinHealthPercent:   int(o.GetMinHealthPercent()),
		ErrorCodes:         each(o.GetErrorCodes(), func(c int64) int { return int(c) }),
	}
}

func toLimits(l *Limits) mesh.Limits {
	out := mesh.Limits{
		Connections:           int(l.GetConnections()),
		Pending:               int(l.GetPending()),
		Requests:              int(l.GetRequests()),
		Retries:               int(l.GetRetries()),
		ConnectTimeout:        toDuration(l.GetConnectTimeout()),
		RequestsPerConnection: int(l.GetRequestsPerConnection()),
		Streams:               int(l.GetStreams()),
		IdleTimeout:           toDuration(l.GetIdleTimeout()),
		StreamIdle:            toDuration(l.GetStreamIdle()),
		ConnectionAge:         toDuration(l.GetConnectionAge()),
	}
	if k := l.GetKeepalive(); k != nil {
		out.Keepalive = &mesh.Keepalive{
			Probes: int(k.GetProbes()), Time: toDuration(k.GetTime()), Interval: toDuration(k.GetInterval()),
		}
	}
	return out
}

func toRetryBudget(b *RetryBudget) *mesh.RetryBudget {
	if b == nil {
		return nil
	}
	return &mesh.RetryBudget{Percent: b.GetPercent(), MinRetries: int(b.GetMinRetries()), Interval: toDuration(b.GetInterval())}
}

func toHealthCheck(h *HealthCheck) *mesh.HealthCheck {
	if h == nil {
		return nil
	}
	out := &mesh.HealthCheck{
		TCP:      h.GetTcp(),
		Interval: toDuration(h.GetInterval()), Timeout: toDuration(h.GetTimeout()), NoTrafficInterval: toDuration(h.GetNoTrafficInterval()),
		Healthy: int(h.GetHealthy()), Unhealthy: int(h.GetUnhealthy()), Port: uint16(h.GetPort()),
	}
	if c := h.GetHttp(); c != nil {
		out.HTTP = &mesh.HTTPCheck{
			Path: c.GetPath(), Host: c.GetHost(),
			Statuses: each(c.GetStatuses(), func(r *StatusRange) mesh.StatusRange {
				return mesh.StatusRange{From: int(r.GetFrom()), To: int(r.GetTo())}
			}),
		}
	}
	if c := h.GetGrpc(); c != nil {
		out.GRPC = &mesh.GRPCCheck{Service: c.GetService()}
	}
	return out
}
