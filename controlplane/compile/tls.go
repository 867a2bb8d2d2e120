package compile

import (
	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// clientTLS is TLS that sidecars make with who is outside the mesh, if a rule has them.
func clientTLS(t *networking.ClientTLSSettings) *mesh.ClientTLS {
	mode := mtls(t)
	if mode != mesh.Simple && mode != mesh.Own {
		return nil
	}
	out := &mesh.ClientTLS{
		ServerName: t.GetSni(), Names: t.GetSubjectAltNames(), Unverified: t.GetInsecureSkipVerify().GetValue(),
	}
	if file := t.GetCaCertificates(); file != config.SystemAuthorities {
		out.Authorities = file
	}
	if mode == mesh.Own {
		out.Certificate, out.Key = t.GetClientCertificate(), t.GetPrivateKey()
	}
	return out
}

// names puts those that an entry's servers have to prove where a rule names none.
func (b *builder) names(e *config.ServiceEntry) {
	if len(e.Names) == 0 {
		return
	}
	for _, service := range e.Services {
		s := b.known(service)
		nameIn(&s.Policy, e.Names)
		nameAtPorts(s.PortPolicies, e.Names)
		for i := range s.Subsets {
			if p := s.Subsets[i].Policy; p != nil {
				nameIn(p, e.Names)
			}
			nameAtPorts(s.Subsets[i].PortPolicies, e.Names)
		}
	}
}

func nameAtPorts(policies []mesh.PortPolicy, names []string) {
	for i := range policies {
		nameIn(&policies[i].Policy, names)
	}
}

func nameIn(p *mesh.Policy, names []string) {
	if p.TLS != nil && len(p.TLS.Names) == 0 && !p.TLS.Unverified {
		p.TLS.Names = names
	}
}
