package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func fromPolicy(p mesh.Policy) *Policy {
	return &Policy{
		LoadBalancer: string(p.LoadBalancer),
		Hash:         fromHash(p.Hash),
		Warmup:       fromWarmup(p.Warmup),
		Locality:     fromLocalityLB(p.Locality),
		Outlier:      fromOutlier(p.Outlier),
		Limits:       fromLimits(p.Limits),
		RetryBudget:  fromRetryBudget(p.RetryBudget),
		HealthCheck:  fromHealthCheck(p.HealthCheck),
		Mtls:         string(p.MTLS),
		Tls:          fromClientTLS(p.TLS),
	}
}

func fromClientTLS(t *mesh.ClientTLS) *ClientTLS {
	if t == nil {
		return nil
	}
	return &ClientTLS{
		ServerName: t.ServerName, Names: t.Names, Authorities: t.Authorities, Unverified: t.Unverified,
		Certificate: t.Certificate, Key: t.Key,
	}
}

func fromHash(h *mesh.Hash) *Hash {
	if h == nil {
		return nil
	}
	out := &Hash{Size: int64(h.Size)}
	switch {
	case h.Header != "":
		out.Key = &Hash_Header{Header: h.Header}
	case h.Query != "":
		out.Key = &Hash_Query{Query: h.Query}
	case h.Cookie != nil:
		out.Key = &Hash_Cookie{Cookie: &HashCookie{
			Name: h.Cookie.Name, Set: h.Cookie.Set, Ttl: fromDuration(h.Cookie.TTL), Path: h.Cookie.Path,
			Attributes: each(h.Cookie.Attributes, func(a mesh.CookieAttribute) *CookieAttribute {
				return &CookieAttribute{Name: a.Name, Value: a.Value}
			}),
		}}
	case h.SourceIP:
		out.Key = &Hash_SourceIp{SourceIp: true}
	}
	return out
}

func fromWarmup(w *mesh.Warmup) *Warmup {
	if w == nil {
		return nil
	}
	return &Warmup{Duration: fromDuration(w.Duration), MinPercent: w.MinPercent, Aggression: w.Aggression}
}

func fromLocalityLB(l *mesh.LocalityLB) *LocalityLB {
	if l == nil {
		return nil
	}
	return &LocalityLB{
		Off: l.Off, Failover: l.Failover, FailoverPriority: l.FailoverPriority,
		Distribute: each(l.Distribute, func(d mesh.Distribute) *Distribute { return &Distribute{From: d.From, To: d.To} }),
	}
}

func fromOutlier(o *mesh.Outlier) *Outlier {
	if o == nil {
		return nil
	}
	return &Outlier{
		ConsecutiveErrors:  int64(o.ConsecutiveErrors),
		ConsecutiveGateway: int64(o.ConsecutiveGateway),
		ConsecutiveLocal:   int64(o.ConsecutiveLocal),
		Split:              o.Split,
		Interval:           fromDuration(o.Interval),
		BaseEjection:       fromDuration(o.BaseEjection),
		MaxEjectedPercent:  int64(o.MaxEjectedPercent),
		MinHealthPercent:   int64(o.MinHealthPercent),
		ErrorCodes:         each(o.ErrorCodes, func(c int) int64 { return int64(c) }),
	}
}

func fromLimits(l mesh.Limits) *Limits {
	out := &Limits{
		Connections:           int64(l.Connections),
		Pending:               int64(l.Pending),
		Requests:              int64(l.Requests),
		Retries:               int64(l.Retries),
		ConnectTimeout:        fromDuration(l.ConnectTimeout),
		RequestsPerConnection: int64(l.RequestsPerConnection),
		Streams:               int64(l.Streams),
		IdleTimeout:           fromDuration(l.IdleTimeout),
		StreamIdle:            fromDuration(l.StreamIdle),
		ConnectionAge:         fromDuration(l.ConnectionAge),
	}
	if k := l.Keepalive; k != nil {
		out.Keepalive = &Keepalive{Probes: int64(k.Probes), Time: fromDuration(k.Time), Interval: fromDuration(k.Interval)}
	}
	return out
}

func fromRetryBudget(b *mesh.RetryBudget) *RetryBudget {
	if b == nil {
		return nil
	}
	return &RetryBudget{Percent: b.Percent, MinRetries: int64(b.MinRetries), Interval: fromDuration(b.Interval)}
}

func fromHealthCheck(h *mesh.HealthCheck) *HealthCheck {
	if h == nil {
		return nil
	}
	out := &HealthCheck{
		Interval: fromDuration(h.Interval), Timeout: fromDuration(h.Timeout), NoTrafficInterval: fromDuration(h.NoTrafficInterval),
		Healthy: int64(h.Healthy), Unhealthy: int64(h.Unhealthy), Port: uint32(h.Port),
	}
	switch {
	case h.HTTP != nil:
		out.How = &HealthCheck_Http{Http: &HTTPCheck{
			Path: h.HTTP.Path, Host: h.HTTP.Host,
			Statuses: each(h.HTTP.Statuses, func(r mesh.StatusRange) *StatusRange {
				return &StatusRange{From: int64(r.From), To: int64(r.To)}
			}),
		}}
	case h.GRPC != nil:
		out.How = &HealthCheck_Grpc{Grpc: &GRPCCheck{Service: h.GRPC.Service}}
	case h.TCP:
		out.How = &HealthCheck_Tcp{Tcp: true}
	}
	return out
}
