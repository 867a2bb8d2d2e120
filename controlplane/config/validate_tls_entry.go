package config

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"
)

// originates reports whether sidecars make TLS of their own as it says, with who has none.
func originates(tls *networking.ClientTLSSettings) bool {
	mode := tls.GetMode()
	return mode == networking.ClientTLSSettings_SIMPLE || mode == networking.ClientTLSSettings_MUTUAL
}

// encrypted warns of ports at which HTTP would go in plaintext to where TLS is spoken: that
// of HTTPS, for which no rule has sidecars make TLS.
func (v *validator) encrypted(e *ServiceEntry) {
	for i, p := range e.Ports {
		if p.target() != https || p.Protocol.Opaque() || !e.outside {
			continue
		}
		for _, s := range e.Services {
			if rule := v.rules[s]; originates(tlsFor(rule.DestinationRule.GetTrafficPolicy(), p.Number)) {
				continue
			}
			v.find(CodePlainHTTPS, fmt.Sprintf("spec.ports[%d].%s", i, targetField(p)),
				"HTTP would go to port 443 of %s in plaintext; want a DestinationRule with tls.mode SIMPLE for port %d, or protocol HTTPS where apps make TLS themselves", s, p.Number)
		}
	}
}

// https is where servers take HTTP in TLS.
const https = 443

func targetField(p ServicePort) string {
	if p.Target != 0 {
		return "targetPort"
	}
	return "number"
}

// tlsFor is what a policy says of TLS at a port.
func tlsFor(p *networking.TrafficPolicy, number uint16) *networking.ClientTLSSettings {
	for _, one := range p.GetPortLevelSettings() {
		if port16(one.GetPort().GetNumber()) == number {
			return one.GetTls()
		}
	}
	return p.GetTls()
}

// unproved warns of names that an entry's servers are to prove, where nobody asks them to.
func (v *validator) unproved(e *ServiceEntry) {
	if len(e.Names) == 0 {
		return
	}
	for _, s := range e.Services {
		p := v.rules[s].DestinationRule.GetTrafficPolicy()
		asked := originates(p.GetTls())
		for _, one := range p.GetPortLevelSettings() {
			asked = asked || originates(one.GetTls())
		}
		if !asked {
			v.warn("spec.subjectAltNames", "has no effect on %s: no DestinationRule has sidecars make TLS there (tls.mode SIMPLE)", s)
		}
	}
}
