package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// backdated lets in peers whose clocks are behind by five minutes, and a little for the
// handshake itself. It is at most a tenth of the life.
const backdated = 5*time.Minute + 30*time.Second

// IssueRequest answers a certificate request, DER, with a chain without the root. Only
// the request's key and its proof count; the names are those of w.
func (a *Authority) IssueRequest(csr []byte, w identity.Workload) ([][]byte, mesh.Leaf, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, mesh.Leaf{}, fmt.Errorf("read certificate request: %w", err)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, mesh.Leaf{}, fmt.Errorf("check certificate request: %w", err)
	}
	pub, ok := req.PublicKey.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, mesh.Leaf{}, errors.New("check certificate request: key is not ECDSA P-256")
	}
	return a.issue(pub, w)
}

// issue makes a certificate with the authority in force, and its chain.
func (a *Authority) issue(pub *ecdsa.PublicKey, w identity.Workload) ([][]byte, mesh.Leaf, error) {
	return a.issueWith(a.current.Load(), pub, w)
}

func (a *Authority) issueWith(o *opened, pub *ecdsa.PublicKey, w identity.Workload) ([][]byte, mesh.Leaf, error) {
	w, err := w.Normal()
	if err != nil {
		return nil, mesh.Leaf{}, fmt.Errorf("issue certificate: %w", err)
	}
	id, err := url.Parse(string(w.Peer(a.cfg.TrustDomain).Identity))
	if err != nil {
		return nil, mesh.Leaf{}, fmt.Errorf("issue certificate: %w", err)
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial(now),
		NotBefore:    now.Add(-min(backdated, a.cfg.TTL/10)),
		NotAfter:     minTime(now.Add(a.cfg.TTL), o.signing.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{id},
		DNSNames:     []string{w.DNSName()},
	}
	if !now.Before(template.NotAfter) {
		return nil, mesh.Leaf{}, fmt.Errorf("issue certificate for %s: the authority ended at %s", id, o.signing.NotAfter.UTC().Format(time.RFC3339))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, o.signing, pub, o.key)
	if err != nil {
		return nil, mesh.Leaf{}, fmt.Errorf("issue certificate for %s: %w", id, err)
	}
	return append([][]byte{der}, o.chain...), mesh.Leaf{
		Serial: template.SerialNumber.Text(16), Identity: mesh.Identity(id.String()), Instance: w.Instance, Service: w.Service,
		Signer: keyID(o.signing), Issued: now, Expires: template.NotAfter,
	}, nil
}
