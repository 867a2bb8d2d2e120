package config

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	networking "istio.io/api/networking/v1alpha3"
)

func (v *validator) destinationRule(d *networking.DestinationRule) {
	s, ok := v.service(d.GetHost(), "spec.host")
	if ok {
		if other, taken := v.rules[s]; taken {
			v.find(CodeRuledTwice, "spec.host", "%q already has %s; put everything about %s into one of them", d.GetHost(), other.Key(), s)
		} else {
			v.rules[s] = v.object
		}
		if _, runs := v.world.Services[s]; !runs && !v.world.Unknown {
			v.find(CodeNobodysRule, "spec.host", "%s", v.world.absent(s, ""))
		}
	}
	v.outsiders(s, d)
	v.policy(d.GetTrafficPolicy(), "spec.trafficPolicy")
	v.portPolicies(s, d.GetTrafficPolicy(), "spec.trafficPolicy")
	seen := map[string]bool{}
	for i, sub := range d.GetSubsets() {
		path := fmt.Sprintf("spec.subsets[%d]", i)
		switch {
		case sub.GetName() == "":
			v.fault(path+".name", "is missing; routes name subsets by it")
		case seen[sub.GetName()]:
			v.fault(path+".name", "%q is there twice", sub.GetName())
		}
		seen[sub.GetName()] = true
		// Files often define subsets of what is not deployed yet; a route to one is told of.
		if _, runs := v.world.Services[s]; runs && !v.world.Files && v.world.selected(s, sub.GetLabels()) == 0 {
			v.find(CodeNoInstance, path+".labels", "%s fits no running instance of %s (its versions are %s)",
				show(sub.GetLabels()), s, enumerate(v.world.versions(s)))
		}
		v.policy(sub.GetTrafficPolicy(), path+".trafficPolicy")
		v.portPolicies(s, sub.GetTrafficPolicy(), path+".trafficPolicy")
	}
}

func (v *validator) policy(p *networking.TrafficPolicy, path string) {
	v.connectionPool(p.GetConnectionPool(), path+".connectionPool.")
	v.outlierDetection(p.GetOutlierDetection(), path+".outlierDetection.")
	v.loadBalancer(p.GetLoadBalancer(), path+".loadBalancer.")
	v.tlsMode(p.GetTls(), path+".tls")
	if b := p.GetRetryBudget(); b != nil {
		at := path + ".retryBudget."
		if n := b.GetPercent(); n != nil {
			v.percent(n.GetValue(), at+"percent")
		}
		v.notBelowZero(b.GetBudgetInterval(), at+"budgetInterval")
		if p.GetConnectionPool().GetHttp().GetMaxRetries() > 0 {
			v.warn(path+".connectionPool.http.maxRetries", "%d has no effect beside a retryBudget", p.GetConnectionPool().GetHttp().GetMaxRetries())
		}
	}
}

// tlsMode faults a tls that turns mutual TLS off without a word of it: Istio's types take
// no mode for DISABLE. Such a rule may be stored, so that it is not for Parse to refuse.
func (v *validator) tlsMode(tls *networking.ClientTLSSettings, path string) {
	if tls != nil && tls.GetMode() == networking.ClientTLSSettings_DISABLE && v.object.says(path+".mode") == "" {
		v.fault(path, "has no mode, which means DISABLE, so that requests would go in plaintext; want mode: ISTIO_MUTUAL, mode: DISABLE if plaintext is meant, or no tls at all")
		return
	}
	v.clientTLS(tls, path)
}

func (v *validator) connectionPool(pool *networking.ConnectionPoolSettings, at string) {
	tcp, http := pool.GetTcp(), pool.GetHttp()
	v.positive(tcp.GetConnectTimeout(), at+"tcp.connectTimeout")
	v.positive(tcp.GetMaxConnectionDuration(), at+"tcp.maxConnectionDuration")
	v.positive(tcp.GetIdleTimeout(), at+"tcp.idleTimeout")
	v.positive(http.GetIdleTimeout(), at+"http.idleTimeout")
	if k := tcp.GetTcpKeepalive(); k != nil {
		v.seconds(k.GetTime(), at+"tcp.tcpKeepalive.time")
		v.seconds(k.GetInterval(), at+"tcp.tcpKeepalive.interval")
		if k.GetProbes() > 127 { // Linux takes no more
			v.fault(at+"tcp.tcpKeepalive.probes", "%d is above 127", k.GetProbes())
		}
	}
	for _, l := range []struct {
		path string
		n    int32
	}{
		{"tcp.maxConnections", tcp.GetMaxConnections()},
		{"http.http1MaxPendingRequests", http.GetHttp1MaxPendingRequests()},
		{"http.http2MaxRequests", http.GetHttp2MaxRequests()},
		{"http.maxRetries", http.GetMaxRetries()},
		{"http.maxRequestsPerConnection", http.GetMaxRequestsPerConnection()},
		{"http.maxConcurrentStreams", http.GetMaxConcurrentStreams()},
	} {
		if l.n < 0 {
			v.fault(at+l.path, "%d is below 0; leave it out for no limit", l.n)
		}
	}
}

func (v *validator) outlierDetection(out *networking.OutlierDetection, at string) {
	if out == nil {
		return
	}
	v.least(out.GetInterval(), time.Millisecond, at+"interval")
	v.least(out.GetBaseEjectionTime(), time.Millisecond, at+"baseEjectionTime")
	v.percent(float64(out.GetMaxEjectionPercent()), at+"maxEjectionPercent")
	v.percent(float64(out.GetMinHealthPercent()), at+"minHealthPercent")
	for i, code := range out.GetOutlierDetectionHttpErrorCodes() {
		if code < 100 || code > 599 {
			v.fault(fmt.Sprintf("%soutlierDetectionHttpErrorCodes[%d]", at, i), "%d is not an HTTP status from 100 to 599", code)
		}
	}
	v.outlierCounts(out, at)
}

// outlierCounts warns of counts that have no effect.
func (v *validator) outlierCounts(out *networking.OutlierDetection, at string) {
	if n := out.GetConsecutiveLocalOriginFailures(); n != nil && !out.GetSplitExternalLocalOriginErrors() {
		v.warn(at+"consecutiveLocalOriginFailures", "%d has no effect without splitExternalLocalOriginErrors: true", n.GetValue())
	}
	errors, gateway := uint32(5), out.GetConsecutiveGatewayErrors().GetValue()
	if n := out.GetConsecutive_5XxErrors(); n != nil {
		errors = n.GetValue()
	}
	if errors > 0 && gateway >= errors {
		v.warn(at+"consecutiveGatewayErrors", "%d has no effect: consecutive5xxErrors is %d, and every gateway error is one of those too", gateway, errors)
	}
	if errors == 0 && gateway == 0 && !out.GetSplitExternalLocalOriginErrors() {
		v.warn(at+"consecutive5xxErrors", "0, and no other reason is set: no instance is ever taken out")
	}
}

func (v *validator) percent(n float64, path string) {
	if n < 0 || n > 100 || n != n {
		v.fault(path, "%v is not a percentage from 0 to 100", n)
	}
}

// notBelowZero is positive for a duration that may be 0.
func (v *validator) notBelowZero(d *durationpb.Duration, path string) {
	if d == nil || d.CheckValid() == nil && d.AsDuration() == 0 {
		return
	}
	v.positive(d, path)
}

// least is positive for a duration that has a least.
func (v *validator) least(d *durationpb.Duration, least time.Duration, path string) {
	if d != nil && d.CheckValid() == nil && d.AsDuration() > 0 && d.AsDuration() < least {
		v.fault(path, "%s is below %s", d.AsDuration(), least)
		return
	}
	v.positive(d, path)
}

// seconds is positive for a duration that the system counts in whole seconds.
func (v *validator) seconds(d *durationpb.Duration, path string) {
	if d != nil && d.CheckValid() == nil && d.AsDuration() > 0 && d.AsDuration()%time.Second != 0 {
		v.fault(path, "%s is not a whole number of seconds", d.AsDuration())
		return
	}
	v.positive(d, path)
}
