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

// outsiders faults TLS of mode SIMPLE or MUTUAL to who takes the mesh's own alone, when it is known
// that nobody of the service takes another.
func (v *validator) outsiders(s mesh.ServiceName, d *networking.DestinationRule) {
	tls, at := ownTLS(d)
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
		v.fault(at+".mode", `"%s" is for hosts outside the mesh, and whoever is %s takes the mesh's own mutual TLS; want ISTIO_MUTUAL, or no tls at all`, tls.GetMode(), s)
	}
}

// ownTLS is the first tls in a rule that sidecars are to make, and its path; nil is none.
func ownTLS(d *networking.DestinationRule) (*networking.ClientTLSSettings, string) {
	policies, paths := []*networking.TrafficPolicy{d.GetTrafficPolicy()}, []string{"spec.trafficPolicy"}
	for i, sub := range d.GetSubsets() {
		policies, paths = append(policies, sub.GetTrafficPolicy()), append(paths, fmt.Sprintf("spec.subsets[%d].trafficPolicy", i))
	}
	for n, p := range policies {
		if originates(p.GetTls()) {
			return p.GetTls(), paths[n] + ".tls"
		}
		for i, one := range p.GetPortLevelSettings() {
			if originates(one.GetTls()) {
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
	v.files(tls, at)
	if originates(tls) && tls.GetInsecureSkipVerify().GetValue() {
		v.find(CodeUnverified, at+".insecureSkipVerify", "whoever answers is taken for the host: what is encrypted is safe from who only listens, and from nobody who gets in between")
	}
}

// files looks at the paths of what is trusted, and of what a sidecar proves itself with.
func (v *validator) files(tls *networking.ClientTLSSettings, at string) {
	if file := tls.GetCaCertificates(); file != "" && file != SystemAuthorities && !filepath.IsAbs(file) {
		v.fault(at+".caCertificates", "%q is not the whole path of a file; want one on the sidecars' machines, such as /etc/ssl/partner.pem, or system", file)
	}
	for _, f := range []struct{ name, path string }{{"clientCertificate", tls.GetClientCertificate()}, {"privateKey", tls.GetPrivateKey()}} {
		mutual := tls.GetMode() == networking.ClientTLSSettings_MUTUAL
		switch {
		case mutual && f.path == "":
			v.fault(at+"."+f.name, "is missing; MUTUAL wants the path of a file in PEM on the sidecars' machines")
		case mutual && !filepath.IsAbs(f.path):
			v.fault(at+"."+f.name, "%q is not the whole path of a file; want one on the sidecars' machines, such as /etc/ssl/client.pem", f.path)
		case !mutual && f.path != "":
			v.warn(at+"."+f.name, "%q has no effect with %s; want mode MUTUAL", f.path, tls.GetMode())
		}
	}
}

// ofSimple holds a tls to the fields that its mode has.
func (v *validator) ofSimple(tls *networking.ClientTLSSettings, at string) {
	simple, unverified := originates(tls), tls.GetInsecureSkipVerify().GetValue()
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
