package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// servicePort faults what is no port, or none of a service whose ports are known.
func (v *validator) servicePort(s mesh.ServiceName, number uint32, path string) {
	has := v.world.Ports[s]
	switch {
	case number == 0:
		v.fault(path, "is missing; want the number of a port of %s", s)
	case number > 65535:
		v.fault(path, "%d is not a port; want 1 to 65535", number)
	case len(has) > 0 && !hasNumber(has, number):
		v.fault(path, "%d is no port of %s; it has %s", number, s, enumeratePorts(has))
	}
}

func hasNumber(all []mesh.Port, number uint32) bool {
	return slices.ContainsFunc(all, func(p mesh.Port) bool { return uint32(p.Number) == number })
}

func enumeratePorts(all []mesh.Port) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.String()
	}
	return enumerate(names)
}

func (v *validator) port(p uint32, path string) {
	if p > 65535 {
		v.fault(path, "%d is not a port; want 1 to 65535", p)
	}
}

// addressed faults a port that no client of the present VirtualService's hosts can have
// addressed. A service with one port answers on any; those that a URL need not name go
// to the first in any case.
func (v *validator) addressed(number uint32, path string) {
	v.port(number, path)
	if number == 0 || number == 80 || number == 443 || len(v.named) == 0 {
		return
	}
	for _, s := range v.named {
		if !v.world.several[s] || hasNumber(v.world.Ports[s], number) {
			return
		}
	}
	v.fault(path, "%d is no port of %s; it has %s", number, v.named[0], enumeratePorts(v.world.Ports[v.named[0]]))
}

func (v *validator) portPolicies(s mesh.ServiceName, p *networking.TrafficPolicy, path string) {
	seen := map[uint32]bool{}
	for i, one := range p.GetPortLevelSettings() {
		at := fmt.Sprintf("%s.portLevelSettings[%d]", path, i)
		number := one.GetPort().GetNumber()
		v.servicePort(s, number, at+".port.number")
		if seen[number] && number != 0 {
			v.fault(at+".port.number", "%d is there twice", number)
		}
		seen[number] = true
		v.policy(&networking.TrafficPolicy{
			LoadBalancer: one.GetLoadBalancer(), ConnectionPool: one.GetConnectionPool(), OutlierDetection: one.GetOutlierDetection(), Tls: one.GetTls(),
		}, at)
	}
}

// workloadPorts warns of ports that none of the workloads has that the policy selects: it
// may well be there first. It is about the app's ports.
func (v *validator) workloadPorts(o *security.Operation, at string) {
	has := v.selectedPorts()
	if len(has) == 0 {
		return
	}
	lists := values{"ports": o.GetPorts(), "notPorts": o.GetNotPorts()}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		for i, p := range lists[name] {
			if n, err := strconv.ParseUint(p, 10, 16); err == nil && !hasNumber(has, uint32(n)) {
				v.warn(fmt.Sprintf("%s.%s[%d]", at, name, i), "%s is no port of a workload that is selected; they have %s", p, enumeratePorts(has))
			}
		}
	}
}

// selectedPorts are those of the services with an instance that the present policy
// selects.
func (v *validator) selectedPorts() []mesh.Port {
	var out []mesh.Port
	for s, instances := range v.world.Services {
		if v.object.Namespace != mesh.SystemNamespace && s.Namespace() != v.object.Namespace {
			continue
		}
		labels := v.object.Selector()
		if slices.ContainsFunc(instances, func(have map[string]string) bool { return carries(have, labels) }) {
			out = append(out, v.world.Ports[s]...)
		}
	}
	return sortedPorts(out)
}
