// Package ca is the mesh's certificate authority: a root made at the first start
// and kept in the store, and short-lived SPIFFE certificates for workloads and for
// the control plane itself.
package ca

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

const (
	rootLife  = 10 * 365 * 24 * time.Hour
	backdated = time.Minute // clocks disagree; at most a tenth of the life
	rootKey   = "root"
)

// Root is the authority as it is stored.
type Root struct {
	Certificate []byte `json:"certificate"` // DER
	Key         []byte `json:"key"`         // PKCS #8
}

// Records keeps the root.
type Records interface {
	// GetOrCreate is the value of a key, made and stored first when there is none.
	// Of several callers at once all get the same value.
	GetOrCreate(ctx context.Context, key string, produce func() (Root, error)) (Root, error)
}

// Config says what is issued.
type Config struct {
	TrustDomain string        // "mesh.local"
	TTL         time.Duration // of workload certificates
}

// Authority issues certificates. Its methods may be called from any goroutine.
type Authority struct {
	cfg  Config
	root *x509.Certificate
	key  crypto.Signer
	now  func() time.Time
}

// Load takes the root from r, made first when there is none. A root of another
// trust domain is an error: a mesh keeps its name.
func Load(ctx context.Context, r Records, c Config) (*Authority, error) {
	domain, err := spiffeid.TrustDomainFromString(c.TrustDomain)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	stored, err := r.GetOrCreate(ctx, rootKey, func() (Root, error) { return newRoot(domain, time.Now()) })
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	root, err := x509.ParseCertificate(stored.Certificate)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	if len(root.URIs) != 1 || root.URIs[0].Host != c.TrustDomain {
		return nil, fmt.Errorf("load authority: stored root is of %v, want trust domain %q", root.URIs, c.TrustDomain)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(stored.Key)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("load authority: key is a %T", parsed)
	}
	return &Authority{cfg: c, root: root, key: key, now: time.Now}, nil
}

// Root is the certificate that every chain ends in.
func (a *Authority) Root() *x509.Certificate { return a.root }

// TrustDomain is the name of the mesh.
func (a *Authority) TrustDomain() string { return a.cfg.TrustDomain }

// Bundle is every root that is trusted now, DER.
func (a *Authority) Bundle() [][]byte { return [][]byte{a.root.Raw} }

// Expiry is when a certificate issued now ends.
func (a *Authority) Expiry() time.Time { return minTime(a.now().Add(a.cfg.TTL), a.root.NotAfter) }

// IssueRequest answers a certificate request, DER, with a chain without the root.
// Only the request's key and its proof count; the names are those of w.
func (a *Authority) IssueRequest(csr []byte, w identity.Workload) ([][]byte, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("read certificate request: %w", err)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, fmt.Errorf("check certificate request: %w", err)
	}
	pub, ok := req.PublicKey.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, errors.New("check certificate request: key is not ECDSA P-256")
	}
	leaf, err := a.issue(pub, w)
	if err != nil {
		return nil, err
	}
	return [][]byte{leaf}, nil
}

func (a *Authority) issue(pub *ecdsa.PublicKey, w identity.Workload) ([]byte, error) {
	w, err := w.Normal()
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	id, err := url.Parse(string(w.Peer(a.cfg.TrustDomain).Identity))
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		NotBefore:    now.Add(-min(backdated, a.cfg.TTL/10)),
		NotAfter:     a.Expiry(),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{id},
		DNSNames:     []string{w.DNSName()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", id, err)
	}
	return der, nil
}

func newRoot(domain spiffeid.TrustDomain, now time.Time) (Root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Root{}, fmt.Errorf("make root key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: domain.Name() + " root", Organization: []string{"Sightline"}},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		URIs:                  []*url.URL{domain.ID().URL()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Root{}, fmt.Errorf("make root: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Root{}, fmt.Errorf("make root: %w", err)
	}
	return Root{Certificate: der, Key: raw}, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return new(big.Int).SetBytes(b)
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
