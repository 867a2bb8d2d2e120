package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// memory is Records without a store.
type memory struct {
	root *Root
	made int
}

func (m *memory) GetOrCreate(_ context.Context, _ string, produce func() (Root, error)) (Root, error) {
	if m.root == nil {
		r, err := produce()
		if err != nil {
			return r, err
		}
		m.root = &r
		m.made++
	}
	return *m.root, nil
}

func load(t *testing.T, r Records, ttl time.Duration) *Authority {
	t.Helper()
	a, err := Load(t.Context(), r, Config{TrustDomain: "mesh.local", TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func request(t *testing.T, curve elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"evil.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

var reviews = identity.Workload{Service: "reviews", Version: "v1", Instance: "reviews-1"}

func TestIssuedCertificate(t *testing.T) {
	a := load(t, &memory{}, 24*time.Hour)
	chain, err := a.IssueRequest(request(t, elliptic.P256()), reviews)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Root())
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("verify: %v", err)
		}
	}
	want, _ := reviews.Normal()
	if w, err := identity.WorkloadOf(leaf); err != nil || w != want {
		t.Errorf("certificate is for %+v, %v, want %+v whatever the request says", w, err, want)
	}
	if life := time.Until(leaf.NotAfter); life > 24*time.Hour || life < 24*time.Hour-time.Minute || leaf.IsCA {
		t.Errorf("certificate is good for %s, CA %v", life, leaf.IsCA)
	}
	if !time.Now().After(leaf.NotBefore.Add(30 * time.Second)) {
		t.Error("a peer whose clock is behind would refuse the certificate")
	}
}

func TestRootIsMadeOnce(t *testing.T) {
	records := &memory{}
	first, second := load(t, records, time.Hour), load(t, records, time.Hour)
	if records.made != 1 || !first.Root().Equal(second.Root()) {
		t.Error("a second start has another root")
	}
	if life := time.Until(first.Root().NotAfter); life < 9*365*24*time.Hour {
		t.Errorf("root is good for %s", life)
	}
	if _, err := Load(t.Context(), records, Config{TrustDomain: "other.local"}); err == nil {
		t.Error("a mesh changed its trust domain")
	}
	if _, err := Load(t.Context(), &memory{}, Config{TrustDomain: "Not A Domain"}); err == nil {
		t.Error("took a trust domain that is none")
	}
}

func TestIssueRefuses(t *testing.T) {
	a := load(t, &memory{}, time.Hour)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaRequest, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	forged := request(t, elliptic.P256())
	forged[len(forged)-1] ^= 1 // of its signature
	for name, csr := range map[string][]byte{
		"nothing": nil, "another curve": request(t, elliptic.P384()), "RSA": rsaRequest, "no proof of the key": forged,
	} {
		if _, err := a.IssueRequest(csr, reviews); err == nil {
			t.Errorf("%s: a certificate was issued", name)
		}
	}
	if _, err := a.IssueRequest(request(t, elliptic.P256()), identity.Workload{Service: "a.b"}); err == nil {
		t.Error("a certificate was issued to a name that is none")
	}
}

func TestOwnCertificateIsReplacedAtHalfItsLife(t *testing.T) {
	a := load(t, &memory{}, time.Hour)
	now := time.Now()
	a.now = func() time.Time { return now }
	config := a.ListenerTLS("cp-1")
	serial := func() string {
		t.Helper()
		c, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Certificate) != 2 {
			t.Errorf("chain has %d certificates, want the root in it", len(c.Certificate))
		}
		return leaf.SerialNumber.String()
	}
	first := serial()
	if now = now.Add(29 * time.Minute); serial() != first {
		t.Error("replaced before half its life")
	}
	if now = now.Add(2 * time.Minute); serial() == first {
		t.Error("not replaced after half its life")
	}
}

func TestExpiredClientIsNotAdmittedByAnOldSession(t *testing.T) {
	a := load(t, &memory{}, time.Hour)
	chain, err := a.IssueRequest(request(t, elliptic.P256()), reviews)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := a.admit([]*x509.Certificate{leaf}); err != nil {
		t.Error(err)
	}
	a.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := a.admit([]*x509.Certificate{leaf}); err == nil {
		t.Error("an expired certificate was admitted")
	}
}
