package compile

import (
	"strings"

	"google.golang.org/protobuf/types/known/wrapperspb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// destinationRule sets the policy and the subsets of one host. Where two speak of
// one host, which Validate refuses, the last by key wins.
func (b *builder) destinationRule(o config.Object) {
	for _, host := range o.Hosts() {
		s := b.known(host)
		s.Policy = policy(o.DestinationRule.GetTrafficPolicy())
		s.PortPolicies, s.Subsets = portPolicies(o.DestinationRule.GetTrafficPolicy()), nil
		for _, sub := range o.DestinationRule.GetSubsets() {
			out := mesh.Subset{Name: sub.GetName(), Labels: sub.GetLabels()}
			if sub.GetTrafficPolicy() != nil {
				p := policy(sub.GetTrafficPolicy())
				out.Policy, out.PortPolicies = &p, portPolicies(sub.GetTrafficPolicy())
			}
			s.Subsets = append(s.Subsets, out)
		}
	}
}

func policy(p *networking.TrafficPolicy) mesh.Policy {
	lb := p.GetLoadBalancer()
	out := mesh.Policy{
		LoadBalancer: simple(lb.GetSimple()),
		Warmup:       warmup(lb),
		Locality:     locality(lb.GetLocalityLbSetting()),
		Outlier:      outlier(p.GetOutlierDetection()),
		Limits:       limits(p.GetConnectionPool()),
		RetryBudget:  retryBudget(p.GetRetryBudget()),
		MTLS:         mtls(p.GetTls()),
		TLS:          clientTLS(p.GetTls()),
	}
	if h := lb.GetConsistentHash(); h != nil {
		out.LoadBalancer, out.Hash = consistentHash(h)
	}
	return out
}

// mtls is what a rule says of it; without a word it is what each instance takes.
func mtls(t *networking.ClientTLSSettings) mesh.MTLSMode {
	switch {
	case t == nil:
		return ""
	case t.GetMode() == networking.ClientTLSSettings_DISABLE:
		return mesh.Disable
	case t.GetMode() == networking.ClientTLSSettings_SIMPLE:
		return mesh.Simple
	case t.GetMode() == networking.ClientTLSSettings_MUTUAL:
		return mesh.Own
	}
	return mesh.Mutual
}

func simple(lb networking.LoadBalancerSettings_SimpleLB) mesh.LoadBalancer {
	switch lb {
	case networking.LoadBalancerSettings_ROUND_ROBIN:
		return mesh.RoundRobin
	case networking.LoadBalancerSettings_LEAST_REQUEST, networking.LoadBalancerSettings_LEAST_CONN: //nolint:staticcheck // manifests still use the old word
		return mesh.LeastRequest
	case networking.LoadBalancerSettings_RANDOM:
		return mesh.Random
	}
	return ""
}

func consistentHash(h *networking.LoadBalancerSettings_ConsistentHashLB) (mesh.LoadBalancer, *mesh.Hash) {
	out := &mesh.Hash{
		Header: strings.ToLower(h.GetHttpHeaderName()), Query: h.GetHttpQueryParameterName(), SourceIP: h.GetUseSourceIp(),
	}
	if c := h.GetHttpCookie(); c != nil {
		out.Cookie = &mesh.HashCookie{Name: c.GetName(), Set: c.GetTtl() != nil, TTL: c.GetTtl().AsDuration(), Path: c.GetPath()}
		for _, a := range c.GetAttributes() {
			out.Cookie.Attributes = append(out.Cookie.Attributes, mesh.CookieAttribute{Name: a.GetName(), Value: a.GetValue()})
		}
	}
	if m := h.GetMaglev(); m != nil {
		out.Size = int(m.GetTableSize())
		return mesh.Maglev, out
	}
	out.Size = int(max(h.GetRingHash().GetMinimumRingSize(), h.GetMinimumRingSize())) //nolint:staticcheck // manifests still use the old field
	return mesh.RingHash, out
}

func warmup(lb *networking.LoadBalancerSettings) *mesh.Warmup {
	w := lb.GetWarmup()
	if old := lb.GetWarmupDurationSecs(); old != nil && w == nil {
		w = &networking.WarmupConfiguration{Duration: old}
	}
	if w == nil {
		return nil
	}
	return &mesh.Warmup{
		Duration: w.GetDuration().AsDuration(), MinPercent: floatOr(w.GetMinimumPercent(), 10), Aggression: floatOr(w.GetAggression(), 1),
	}
}

func locality(l *networking.LocalityLoadBalancerSetting) *mesh.LocalityLB {
	if l == nil {
		return nil
	}
	out := &mesh.LocalityLB{
		Off: l.GetEnabled() != nil && !l.GetEnabled().GetValue(), FailoverPriority: l.GetFailoverPriority(),
	}
	for _, d := range l.GetDistribute() {
		out.Distribute = append(out.Distribute, mesh.Distribute{From: d.GetFrom(), To: d.GetTo()})
	}
	for _, f := range l.GetFailover() {
		if out.Failover == nil {
			out.Failover = make(map[string]string)
		}
		out.Failover[f.GetFrom()] = f.GetTo()
	}
	return out
}

// outlier has the defaults filled in, as 0 turns a reason off.
func outlier(o *networking.OutlierDetection) *mesh.Outlier {
	if o == nil {
		return nil
	}
	out := &mesh.Outlier{
		ConsecutiveErrors:  countOr(o.GetConsecutive_5XxErrors(), 5),
		ConsecutiveGateway: countOr(o.GetConsecutiveGatewayErrors(), 0),
		Split:              o.GetSplitExternalLocalOriginErrors(),
		Interval:           o.GetInterval().AsDuration(),
		BaseEjection:       o.GetBaseEjectionTime().AsDuration(),
		MaxEjectedPercent:  int(o.GetMaxEjectionPercent()),
		MinHealthPercent:   int(o.GetMinHealthPercent()),
	}
	if out.Split {
		out.ConsecutiveLocal = countOr(o.GetConsecutiveLocalOriginFailures(), 5)
	}
	for _, code := range o.GetOutlierDetectionHttpErrorCodes() {
		out.ErrorCodes = append(out.ErrorCodes, int(code))
	}
	return out
}

func limits(pool *networking.ConnectionPoolSettings) mesh.Limits {
	tcp, http := pool.GetTcp(), pool.GetHttp()
	out := mesh.Limits{
		Connections:    int(tcp.GetMaxConnections()),
		Pending:        int(http.GetHttp1MaxPendingRequests()),
		Requests:       int(http.GetHttp2MaxRequests()),
		Retries:        int(http.GetMaxRetries()),
		ConnectTimeout: tcp.GetConnectTimeout().AsDuration(),

		RequestsPerConnection: int(http.GetMaxRequestsPerConnection()),
		Streams:               int(http.GetMaxConcurrentStreams()),
		IdleTimeout:           http.GetIdleTimeout().AsDuration(),
		StreamIdle:            tcp.GetIdleTimeout().AsDuration(),
		ConnectionAge:         tcp.GetMaxConnectionDuration().AsDuration(),
	}
	if k := tcp.GetTcpKeepalive(); k != nil {
		out.Keepalive = &mesh.Keepalive{Probes: int(k.GetProbes()), Time: k.GetTime().AsDuration(), Interval: k.GetInterval().AsDuration()}
	}
	return out
}

func retryBudget(b *networking.TrafficPolicy_RetryBudget) *mesh.RetryBudget {
	if b == nil {
		return nil
	}
	out := &mesh.RetryBudget{
		Percent: floatOr(b.GetPercent(), 20), MinRetries: int(b.GetMinRetryConcurrency()), Interval: b.GetBudgetInterval().AsDuration(),
	}
	if out.MinRetries == 0 {
		out.MinRetries = 3
	}
	return out
}

func floatOr(v *wrapperspb.DoubleValue, otherwise float64) float64 {
	if v == nil {
		return otherwise
	}
	return v.GetValue()
}

func countOr(v *wrapperspb.UInt32Value, otherwise int) int {
	if v == nil {
		return otherwise
	}
	return int(min(v.GetValue(), 1<<30))
}
