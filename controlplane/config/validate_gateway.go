package config

import "fmt"

// gatewayRoute looks at a route together with all the others. What it names and there is
// not is no error: it may come, and the specification says what happens until then.
func (v *validator) gatewayRoute(g *GatewayRoute) {
	for i, p := range g.Parents {
		at := fmt.Sprintf("spec.parentRefs[%d]", i)
		if _, there := v.attached[p.Service]; !there {
			v.attached[p.Service] = v.object
		}
		if other, found := Conflict(v.object, p, v.all); found {
			v.warn(at, "takes no effect: %s is for the same callers, and a GRPCRoute goes before an HTTPRoute", other.Key())
		}
		if !v.known(p.Service) {
			v.find(CodeHost, at, "%s", v.world.absent(p.Service, ""))
		}
	}
	for _, b := range g.Unresolved(v.heard, v.world) {
		v.find(CodeHost, b.Path, "%s: its share is answered with 500", b.Message)
	}
	for i, rule := range g.Rules {
		if rule.Route.Redirect == nil && !shares(rule.Backends) {
			v.warn(fmt.Sprintf("spec.rules[%d].backendRefs", i), "names nothing with a weight above 0, so every request is answered with 500")
		}
	}
}

func shares(all []GatewayBackend) bool {
	for _, b := range all {
		if b.Weight > 0 {
			return true
		}
	}
	return false
}
