package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/ca"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// peerAccount is what a control plane is to the others: they let it in as one of the
// mesh's own parts.
const peerAccount = "controlplane-peer"

// passport is this control plane's certificate as a client of the others.
type passport struct {
	authority *ca.Authority
	workload  identity.Workload

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	signer  string // that it was issued by
	renewAt time.Time
}

func newPassport(a *ca.Authority, own string) *passport {
	return &passport{authority: a, workload: identity.Workload{
		Service: peerAccount, Namespace: mesh.SystemNamespace, Account: peerAccount, Instance: own,
	}}
}

// client speaks to the control plane at an address, and to nothing else there.
func (p *passport) client(address string) *admin.Client {
	return admin.NewClient(address, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2", "http/1.1"},
		InsecureSkipVerify: true, // names in the mesh are SPIFFE ids: VerifyConnection checks chain and id
		VerifyConnection:   p.verify,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return p.certificate(time.Now())
		},
	})
}

func (p *passport) verify(cs tls.ConnectionState) error {
	roots, err := x509.ParseCertificates(slices.Concat(p.authority.Bundle()...))
	if err != nil {
		return fmt.Errorf("verify control plane: %w", err)
	}
	domain, err := spiffeid.TrustDomainFromString(p.authority.TrustDomain())
	if err != nil {
		return fmt.Errorf("verify control plane: %w", err)
	}
	id, _, err := x509svid.Verify(cs.PeerCertificates, x509bundle.FromX509Authorities(domain, roots))
	if err != nil {
		return fmt.Errorf("verify control plane: %w", err)
	}
	if want := identity.ControlPlane(domain.Name()); mesh.Identity(id.String()) != want {
		return fmt.Errorf("verify control plane: it is %s, want %s", id, want)
	}
	return nil
}

// certificate is issued anew at half its life, and when another authority signs.
func (p *passport) certificate(now time.Time) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil && now.Before(p.renewAt) && p.signer == p.authority.Trust().Signer {
		return p.current, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	chain, issued, err := p.authority.IssueRequest(csr, p.workload)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("read own certificate: %w", err)
	}
	p.current = &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
	p.signer = issued.Signer
	p.renewAt = now.Add(leaf.NotAfter.Sub(now) / 2)
	return p.current, nil
}
