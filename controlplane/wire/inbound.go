package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

// FromInbound is in as it goes over the wire.
func FromInbound(in mesh.Inbound) *Inbound {
	return &Inbound{
		Version: in.Version, Authorization: each(in.Authorization, fromAuthorization), Tokens: each(in.Tokens, fromTokenRule),
		Rates: each(in.Rates, fromRateRule), InFlight: each(in.InFlight, fromInFlight), Sampling: fromSampling(in.Sampling),
		PathNormalization: string(in.PathNormalization), Mtls: string(in.MTLS), Logs: fromAccessLogs(in.Logs),
		Spans: fromSpans(in.Spans), Metrics: fromMetrics(in.Metrics),
		Onward: each(in.Onward, fromOnward), PortMtls: each(in.PortMTLS, func(p mesh.PortMTLS) *PortMTLS { return &PortMTLS{Port: uint32(p.Port), Mode: string(p.Mode)} }),
	}
}

// ToInbound is what in stands for.
func ToInbound(in *Inbound) mesh.Inbound {
	return mesh.Inbound{
		Version: in.GetVersion(), Authorization: each(in.GetAuthorization(), toAuthorization), Tokens: each(in.GetTokens(), toTokenRule),
		Rates: each(in.GetRates(), toRateRule), InFlight: each(in.GetInFlight(), toInFlight), Sampling: toSampling(in.GetSampling()),
		PathNormalization: mesh.PathNormalization(in.GetPathNormalization()), MTLS: mesh.MTLSMode(in.GetMtls()), Logs: toAccessLogs(in.GetLogs()),
		Spans: toSpans(in.GetSpans()), Metrics: toMetrics(in.GetMetrics()),
		Onward: each(in.GetOnward(), toOnward), PortMTLS: each(in.GetPortMtls(), func(p *PortMTLS) mesh.PortMTLS {
			return mesh.PortMTLS{Port: uint16(p.GetPort()), Mode: mesh.MTLSMode(p.GetMode())}
		}),
	}
}

func fromRateRule(r mesh.RateRule) *RateRule {
	return &RateRule{
		Name: r.Name, Match: fromRule(r.Match), Requests: int64(r.Requests), Unit: fromDuration(r.Unit), Burst: int64(r.Burst),
		PerCaller: r.PerCaller, PerHeader: r.PerHeader,
	}
}

func toRateRule(r *RateRule) mesh.RateRule {
	return mesh.RateRule{
		Name: r.GetName(), Match: toRule(r.GetMatch()), Requests: int(r.GetRequests()), Unit: toDuration(r.GetUnit()), Burst: int(r.GetBurst()),
		PerCaller: r.GetPerCaller(), PerHeader: r.GetPerHeader(),
	}
}

func fromInFlight(f mesh.InFlight) *InFlight {
	out := &InFlight{Name: f.Name, Requests: int64(f.Requests), PerCaller: int64(f.PerCaller), Connections: int64(f.Connections)}
	if a := f.Adaptive; a != nil {
		out.Adaptive = &Adaptive{
			Percentile: a.Percentile, MaxRequests: int64(a.MaxRequests), Interval: fromDuration(a.Interval),
			MinRttFixed: fromDuration(a.MinRTT.Fixed), MinRttInterval: fromDuration(a.MinRTT.Interval),
			MinRttRequests: int64(a.MinRTT.Requests), MinRttConcurrency: int64(a.MinRTT.Concurrency),
			MinRttJitter: a.MinRTT.Jitter, MinRttBuffer: a.MinRTT.Buffer,
		}
	}
	return out
}

func toInFlight(f *InFlight) mesh.InFlight {
	out := mesh.InFlight{Name: f.GetName(), Requests: int(f.GetRequests()), PerCaller: int(f.GetPerCaller()), Connections: int(f.GetConnections())}
	if a := f.GetAdaptive(); a != nil {
		out.Adaptive = &mesh.Adaptive{
			Percentile: a.GetPercentile(), MaxRequests: int(a.GetMaxRequests()), Interval: toDuration(a.GetInterval()),
			MinRTT: mesh.MinRTT{
				Fixed: toDuration(a.GetMinRttFixed()), Interval: toDuration(a.GetMinRttInterval()),
				Requests: int(a.GetMinRttRequests()), Concurrency: int(a.GetMinRttConcurrency()),
				Jitter: a.GetMinRttJitter(), Buffer: a.GetMinRttBuffer(),
			},
		}
	}
	return out
}

func fromTokenRule(r mesh.TokenRule) *TokenRule {
	return &TokenRule{
		Issuer: r.Issuer, Audiences: r.Audiences, Jwks: r.JWKS, JwksUri: r.JWKSURI,
		FromHeaders: each(r.FromHeaders, func(h mesh.TokenHeader) *TokenHeader { return &TokenHeader{Name: h.Name, Prefix: h.Prefix} }),
		FromParams:  r.FromParams, FromCookies: r.FromCookies, Forward: r.Forward, PayloadHeader: r.PayloadHeader,
		ClaimHeaders:   each(r.ClaimHeaders, func(c mesh.ClaimHeader) *ClaimHeader { return &ClaimHeader{Header: c.Header, Claim: c.Claim} }),
		SpaceDelimited: r.SpaceDelimited,
	}
}

func toTokenRule(r *TokenRule) mesh.TokenRule {
	return mesh.TokenRule{
		Issuer: r.GetIssuer(), Audiences: r.GetAudiences(), JWKS: r.GetJwks(), JWKSURI: r.GetJwksUri(),
		FromHeaders: each(r.GetFromHeaders(), func(h *TokenHeader) mesh.TokenHeader {
			return mesh.TokenHeader{Name: h.GetName(), Prefix: h.GetPrefix()}
		}),
		FromParams: r.GetFromParams(), FromCookies: r.GetFromCookies(), Forward: r.GetForward(), PayloadHeader: r.GetPayloadHeader(),
		ClaimHeaders: each(r.GetClaimHeaders(), func(c *ClaimHeader) mesh.ClaimHeader {
			return mesh.ClaimHeader{Header: c.GetHeader(), Claim: c.GetClaim()}
		}),
		SpaceDelimited: r.GetSpaceDelimited(),
	}
}

func fromAuthorization(a mesh.Authorization) *Authorization {
	return &Authorization{Name: a.Name, Action: string(a.Action), DryRun: a.DryRun, Rules: each(a.Rules, fromRule)}
}

func toAuthorization(a *Authorization) mesh.Authorization {
	return mesh.Authorization{
		Name: a.GetName(), Action: mesh.AuthorizationAction(a.GetAction()), DryRun: a.GetDryRun(), Rules: each(a.GetRules(), toRule),
	}
}

func fromRule(r mesh.AuthorizationRule) *AuthorizationRule {
	return &AuthorizationRule{From: each(r.From, fromSource), To: each(r.To, fromOperation), When: each(r.When, fromCondition)}
}

func toRule(r *AuthorizationRule) mesh.AuthorizationRule {
	return mesh.AuthorizationRule{From: each(r.GetFrom(), toSource), To: each(r.GetTo(), toOperation), When: each(r.GetWhen(), toCondition)}
}

func fromSource(s mesh.Source) *Source {
	return &Source{
		Principals: s.Principals, NotPrincipals: s.NotPrincipals,
		RequestPrincipals: s.RequestPrincipals, NotRequestPrincipals: s.NotRequestPrincipals,
		Namespaces: s.Namespaces, NotNamespaces: s.NotNamespaces,
		ServiceAccounts: s.ServiceAccounts, NotServiceAccounts: s.NotServiceAccounts,
		TrustDomains: s.TrustDomains, NotTrustDomains: s.NotTrustDomains,
		IpBlocks: s.IPBlocks, NotIpBlocks: s.NotIPBlocks,
		RemoteIpBlocks: s.RemoteIPBlocks, NotRemoteIpBlocks: s.NotRemoteIPBlocks,
	}
}

func toSource(s *Source) mesh.Source {
	return mesh.Source{
		Principals: s.GetPrincipals(), NotPrincipals: s.GetNotPrincipals(),
		RequestPrincipals: s.GetRequestPrincipals(), NotRequestPrincipals: s.GetNotRequestPrincipals(),
		Namespaces: s.GetNamespaces(), NotNamespaces: s.GetNotNamespaces(),
		ServiceAccounts: s.GetServiceAccounts(), NotServiceAccounts: s.GetNotServiceAccounts(),
		TrustDomains: s.GetTrustDomains(), NotTrustDomains: s.GetNotTrustDomains(),
		IPBlocks: s.GetIpBlocks(), NotIPBlocks: s.GetNotIpBlocks(),
		RemoteIPBlocks: s.GetRemoteIpBlocks(), NotRemoteIPBlocks: s.GetNotRemoteIpBlocks(),
	}
}

func fromOperation(o mesh.Operation) *Operation {
	return &Operation{
		Hosts: o.Hosts, NotHosts: o.NotHosts, Ports: o.Ports, NotPorts: o.NotPorts,
		Methods: o.Methods, NotMethods: o.NotMethods, Paths: o.Paths, NotPaths: o.NotPaths,
	}
}

func toOperation(o *Operation) mesh.Operation {
	return mesh.Operation{
		Hosts: o.GetHosts(), NotHosts: o.GetNotHosts(), Ports: o.GetPorts(), NotPorts: o.GetNotPorts(),
		Methods: o.GetMethods(), NotMethods: o.GetNotMethods(), Paths: o.GetPaths(), NotPaths: o.GetNotPaths(),
	}
}

func fromCondition(c mesh.Condition) *Condition {
	return &Condition{Key: c.Key, Values: c.Values, NotValues: c.NotValues}
}

func toCondition(c *Condition) mesh.Condition {
	return mesh.Condition{Key: c.GetKey(), Values: c.GetValues(), NotValues: c.GetNotValues()}
}
