package compile

import (
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
		s.Subsets = nil
		for _, sub := range o.DestinationRule.GetSubsets() {
			out := mesh.Subset{Name: sub.GetName(), Labels: sub.GetLabels()}
			if sub.GetTrafficPolicy() != nil {
				p := policy(sub.GetTrafficPolicy())
				out.Policy = &p
			}
			s.Subsets = append(s.Subsets, out)
		}
	}
}

func policy(p *networking.TrafficPolicy) mesh.Policy {
	tcp, http := p.GetConnectionPool().GetTcp(), p.GetConnectionPool().GetHttp()
	return mesh.Policy{
		LoadBalancer: loadBalancer(p.GetLoadBalancer().GetSimple()),
		Outlier:      outlier(p.GetOutlierDetection()),
		Limits: mesh.Limits{
			Connections:    int(tcp.GetMaxConnections()),
			Pending:        int(http.GetHttp1MaxPendingRequests()),
			Requests:       int(http.GetHttp2MaxRequests()),
			Retries:        int(http.GetMaxRetries()),
			ConnectTimeout: tcp.GetConnectTimeout().AsDuration(),
		},
	}
}

func loadBalancer(lb networking.LoadBalancerSettings_SimpleLB) mesh.LoadBalancer {
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

func outlier(o *networking.OutlierDetection) *mesh.Outlier {
	if o == nil {
		return nil
	}
	errors := int(o.GetConsecutive_5XxErrors().GetValue())
	if gateway := int(o.GetConsecutiveGatewayErrors().GetValue()); errors == 0 || gateway > 0 && gateway < errors {
		errors = gateway
	}
	return &mesh.Outlier{
		ConsecutiveErrors: errors,
		Interval:          o.GetInterval().AsDuration(),
		BaseEjection:      o.GetBaseEjectionTime().AsDuration(),
		MaxEjectedPercent: int(o.GetMaxEjectionPercent()),
	}
}
