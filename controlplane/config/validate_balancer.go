package config

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	maxRingSize   = 1 << 20 // 16 MiB in each sidecar; Envoy's own is 8 Mi
	maxMaglevSize = 5000011
)

func (v *validator) loadBalancer(lb *networking.LoadBalancerSettings, at string) {
	if h := lb.GetConsistentHash(); h != nil {
		v.consistentHash(h, at+"consistentHash")
	}
	v.oldWarmup(lb, at+"warmupDurationSecs")
	if w := lb.GetWarmup(); w != nil {
		if w.GetDuration() == nil {
			v.fault(at+"warmup.duration", "is missing; want how long an instance warms up, such as 60s")
		}
		v.positive(w.GetDuration(), at+"warmup.duration")
		if n := w.GetMinimumPercent(); n != nil {
			v.percent(n.GetValue(), at+"warmup.minimumPercent")
		}
		if n := w.GetAggression(); n != nil && !(n.GetValue() > 0) {
			v.fault(at+"warmup.aggression", "%v is not above 0; 1 is a straight line", n.GetValue())
		}
		if lb.GetConsistentHash() != nil {
			v.fault(at+"warmup", "has no meaning with consistentHash, which cannot give an instance a part of its share")
		}
	}
	v.locality(lb.GetLocalityLbSetting(), at+"localityLbSetting.")
}

// oldWarmup looks at the field that warmup has replaced.
func (v *validator) oldWarmup(lb *networking.LoadBalancerSettings, path string) {
	old := lb.GetWarmupDurationSecs()
	if old == nil {
		return
	}
	v.positive(old, path)
	if lb.GetWarmup() != nil {
		v.fault(path, "stands beside warmup, which replaced it; keep one")
	}
	if lb.GetConsistentHash() != nil {
		v.fault(path, "has no meaning with consistentHash, which cannot give an instance a part of its share")
	}
}

func (v *validator) consistentHash(h *networking.LoadBalancerSettings_ConsistentHashLB, path string) {
	switch key := h.GetHashKey().(type) {
	case nil:
		v.fault(path, "says nothing to tell requests apart by; want one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName")
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		if !token(key.HttpHeaderName) {
			v.fault(path+".httpHeaderName", "%q is not the name of a header", key.HttpHeaderName)
		}
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		if key.HttpQueryParameterName == "" {
			v.fault(path+".httpQueryParameterName", "is empty; want the name of a parameter")
		}
	case *networking.LoadBalancerSettings_ConsistentHashLB_HttpCookie:
		v.cookie(key.HttpCookie, path+".httpCookie.")
	}
	v.tableSize(h, path)
}

func (v *validator) tableSize(h *networking.LoadBalancerSettings_ConsistentHashLB, path string) {
	if n := max(h.GetMinimumRingSize(), h.GetRingHash().GetMinimumRingSize()); n > maxRingSize { //nolint:staticcheck // manifests still use the old field
		v.fault(path, "a ring of %d points is too large; want at most %d", n, maxRingSize)
	}
	if h.GetMinimumRingSize() > 0 && h.GetHashAlgorithm() != nil { //nolint:staticcheck // manifests still use the old field
		v.fault(path+".minimumRingSize", "stands beside ringHash or maglev, which replaced it; keep one")
	}
	if n := h.GetMaglev().GetTableSize(); n != 0 && (n < 2 || n > maxMaglevSize || !big.NewInt(int64(n)).ProbablyPrime(0)) {
		v.fault(path+".maglev.tableSize", "%d is not a prime of at most %d; the default is 65537", n, maxMaglevSize)
	}
}

func (v *validator) cookie(c *networking.LoadBalancerSettings_ConsistentHashLB_HTTPCookie, at string) {
	if !token(c.GetName()) {
		v.fault(at+"name", "%q is not the name of a cookie", c.GetName())
	}
	v.notBelowZero(c.GetTtl(), at+"ttl")
	if !cookieText(c.GetPath()) {
		v.fault(at+"path", "%q cannot stand in a cookie", c.GetPath())
	}
	for i, a := range c.GetAttributes() {
		if !token(a.GetName()) || !cookieText(a.GetValue()) {
			v.fault(fmt.Sprintf("%sattributes[%d]", at, i), "%q=%q cannot stand in a cookie", a.GetName(), a.GetValue())
		}
	}
	if c.GetTtl() == nil && (c.GetPath() != "" || len(c.GetAttributes()) > 0) {
		v.warn(at+"ttl", "is missing: the cookie is read and never set, so path and attributes have no effect")
	}
}

// cookieText reports whether s may be the value of a cookie's attribute.
func cookieText(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f || c == ';' })
}

func (v *validator) locality(l *networking.LocalityLoadBalancerSetting, at string) {
	if l == nil {
		return
	}
	set := 0
	for _, n := range []int{len(l.GetDistribute()), len(l.GetFailover()), len(l.GetFailoverPriority())} {
		if n > 0 {
			set++
		}
	}
	if set > 1 {
		v.fault(strings.TrimSuffix(at, "."), "has more than one of distribute, failover and failoverPriority; keep one")
	}
	for i, d := range l.GetDistribute() {
		v.distribute(d, fmt.Sprintf("%sdistribute[%d].", at, i))
	}
	v.failover(l.GetFailover(), at)
	for i, label := range l.GetFailoverPriority() {
		if key, _, _ := strings.Cut(label, "="); key == "" {
			v.fault(fmt.Sprintf("%sfailoverPriority[%d]", at, i), "%q is not a label; want key or key=value", label)
		}
	}
}

func (v *validator) failover(all []*networking.LocalityLoadBalancerSetting_Failover, at string) {
	var from []string
	for i, f := range all {
		path := fmt.Sprintf("%sfailover[%d]", at, i)
		switch {
		case !isRegion(f.GetFrom()) || !isRegion(f.GetTo()):
			v.fault(path, "from %q to %q: want the names of two regions", f.GetFrom(), f.GetTo())
		case f.GetFrom() == f.GetTo():
			v.fault(path, "%q cannot fail over to itself", f.GetFrom())
		case slices.Contains(from, f.GetFrom()):
			v.fault(path+".from", "%q is there twice", f.GetFrom())
		}
		from = append(from, f.GetFrom())
	}
}

func isRegion(s string) bool {
	l, err := mesh.ParseLocality(s)
	return err == nil && string(l) == l.Region()
}

func (v *validator) distribute(d *networking.LocalityLoadBalancerSetting_Distribute, at string) {
	if !isPlace(d.GetFrom()) {
		v.fault(at+"from", "%q is not a place; want region/zone/subzone, with * for any from there on", d.GetFrom())
	}
	var sum uint64
	for _, place := range slices.Sorted(maps.Keys(d.GetTo())) {
		if !isPlace(place) {
			v.fault(at+"to", "%q is not a place; want region/zone/subzone, with * for any from there on", place)
		}
		if d.GetTo()[place] == 0 {
			v.fault(at+"to", "%q has 0 percent; leave it out", place)
		}
		sum += uint64(d.GetTo()[place])
	}
	if sum != 100 {
		v.fault(at+"to", "the percentages sum to %d, want 100", sum)
	}
}

// isPlace reports whether s is a locality, or one whose last part is "*".
func isPlace(s string) bool {
	if s == "*" {
		return true
	}
	_, err := mesh.ParseLocality(strings.TrimSuffix(s, "/*"))
	return err == nil && strings.Count(s, "/") <= 2
}
