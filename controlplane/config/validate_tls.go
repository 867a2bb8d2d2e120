package config

import (
	"fmt"
	"path/filepath"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// SystemAuthorities is Istio's word for the certificates that the sidecar's machine trusts.
const SystemAuthorities = "system"

// originates faults TLS of mode SIMPLE to who takes the mesh's own alone, when it is known
// that nobody of the service takes another.
func (v *validator) originates(s mesh.ServiceName, d *networking.DestinationRule) {
	tls, at := simpleTLS(d)
	if tls == nil || s == "" {
		return
	}
	if tls.GetSni() == "" && !s.Outside() {
		v.fault(at+".sni", "is missing, and %s is no name that a certificate outside has; want that of the host", s)
	}
	_, runs := v.world.Services[s]
	for _, m := range members(v.all, "") {
		if m.service.Name != s {
			continue
		}
		if m.workload.Account == "" {
			return
		}
		runs = true
	}
	if runs {
		v.fault(at+".mode", `"SIMPLE" is for hosts outside the mesh, and whoever is %s takes the mesh's own mutual TLS; want ISTIO_MUTUAL, or no tls at all`, s)
	}
}

// simpleTLS is the first tls of mode SIMPLE in a rule, and its path; nil is none.
func simpleTLS(d *networking.DestinationRule) (*networking.ClientTLSSettings, string) {
	policies, paths := []*networking.TrafficPolicy{d.GetTrafficPolicy()}, []string{"spec.trafficPolicy"}
	for i, sub := range d.GetSubsets() {
		policies, paths = append(policies, sub.GetTrafficPolicy()), append(paths, fmt.Sprintf("spec.subsets[%d].trafficPolicy", i))
	}
	for n, p := range policies {
		if p.GetTls().GetMode() == networking.ClientTLSSettings_SIMPLE {
			return p.GetTls(), paths[n] + ".tls"
		}
		for i, one := range p.GetPortLevelSettings() {
			if one.GetTls().GetMode() == networking.ClientTLSSettings_SIMPLE {
				return one.GetTls(), fmt.Sprintf("%s.portLevelSettings[%d].tls", paths[n], i)
			}
		}
	}
	return nil, ""
}

// clientTLS looks at what beside its mode a tls says.
func (v *validator) clientTLS(tls *networking.ClientTLSSettings, at string) {
	if tls == nil {
		return
	}
	v.ofSimple(tls, at)
	if name := tls.GetSni(); name != "" && !dnsName.MatchString(name) {
		v.fault(at+".sni", "%q is not a whole name such as api.example.com", name)
	}
	for i, name := range tls.GetSubjectAltNames() {
		switch {
		case name == "" || len(name) > 2048:
			v.fault(fmt.Sprintf("%s.subjectAltNames[%d]", at, i), "is not a name; want one of the certificate's, such as api.example.com or a URI")
		case slices.Contains(tls.GetSubjectAltNames()[:i], name):
			v.fault(fmt.Sprintf("%s.subjectAltNames[%d]", at, i), "%q is there twice", name)
		}
	}
	if file := tls.GetCaCertificates(); file != "" && file != SystemAuthorities && !filepath.IsAbs(file) {
		v.fault(at+".caCertificates", "%q is not the whole path of a file; want one on the sidecars' machines, such as /etc/ssl/partner.pem, or system", file)
	}
	if tls.GetInsecureSkipVerify().GetValue() {
		v.warn(at+".insecureSkipVerify", "whoever answers is taken for the host: what is encrypted is safe from who only listens")
	}
}

// ofSimple holds a tls to the fields that its mode has.
func (v *validator) ofSimple(tls *networking.ClientTLSSettings, at string) {
	simple, unverified := tls.GetMode() == networking.ClientTLSSettings_SIMPLE, tls.GetInsecureSkipVerify().GetValue()
	for _, f := range []struct {
		name          string
		set, verifies bool
	}{
		{"sni", tls.GetSni() != "", false},
		{"subjectAltNames", len(tls.GetSubjectAltNames()) > 0, true},
		{"caCertificates", tls.GetCaCertificates() != "", true},
		{"insecureSkipVerify", tls.GetInsecureSkipVerify() != nil, false},
	} {
		switch {
		case f.set && !simple:
			v.fault(at+"."+f.name, "does not belong to mode %s; remove it", tls.GetMode())
		case f.set && f.verifies && unverified:
			v.fault(at+"."+f.name, "has no effect beside insecureSkipVerify: true; keep one")
		}
	}
}
