package ca

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// memory is Records without a store.
type memory struct {
	state *State
	made  int
}

func (m *memory) GetOrCreate(_ context.Context, _ string, produce func() (State, error)) (State, error) {
	if m.state == nil {
		s, err := produce()
		if err != nil {
			return s, err
		}
		m.state = &s
		m.made++
	}
	return *m.state, nil
}

func (m *memory) Update(_ context.Context, _ string, change func(State) (State, error)) error {
	s, err := change(*m.state)
	if err == nil {
		m.state = &s
	}
	return err
}

// open is a sealer that a test can read through; it checks that what is sealed is
// opened as the same.
type open struct{}

func (open) Encrypt(_ context.Context, secret []byte, about string) ([]byte, error) {
	return append([]byte(about+"|"), secret...), nil
}

func (open) Decrypt(_ context.Context, sealed []byte, about string) ([]byte, error) {
	secret, ok := bytes.CutPrefix(sealed, []byte(about+"|"))
	if !ok {
		return nil, errors.New("sealed as something else")
	}
	return secret, nil
}

func load(t *testing.T, r Records, ttl time.Duration) *Authority {
	t.Helper()
	a, err := Load(t.Context(), Config{TrustDomain: "mesh.local", TTL: ttl}, Deps{Records: r, Sealer: open{}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// chainOf has a certificate issued and reads what came.
func chainOf(t *testing.T, a *Authority) []*x509.Certificate {
	t.Helper()
	chain, _, err := a.IssueRequest(request(t, elliptic.P256()), reviews)
	if err != nil {
		t.Fatal(err)
	}
	var out []*x509.Certificate
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// trusts reports whether a peer who trusts the roots lets the chain in at a moment.
func trusts(roots, chain []*x509.Certificate, at time.Time) error {
	_, _, err := x509svid.Verify(chain, x509bundle.FromX509Authorities(spiffeid.RequireTrustDomainFromString("mesh.local"), roots), x509svid.WithTime(at))
	return err
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
	chain := chainOf(t, a)
	leaf := chain[0]
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.Root())
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
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
	if at := identity.IssuedAt(leaf); time.Since(at).Abs() > time.Minute || at.Sub(leaf.NotBefore) < time.Minute {
		t.Errorf("certificate says that it was issued at %s, and begins at %s", at, leaf.NotBefore)
	}
}

func TestClocksThatDisagreeByFiveMinutes(t *testing.T) {
	a := load(t, &memory{}, 24*time.Hour)
	chain := chainOf(t, a)
	for _, skew := range []time.Duration{-5 * time.Minute, 0, 5 * time.Minute} {
		if err := trusts(a.Roots(), chain, time.Now().Add(skew)); err != nil {
			t.Errorf("a peer whose clock is off by %s: %v", skew, err)
		}
	}
	if err := trusts(a.Roots(), chain, time.Now().Add(-6*time.Minute)); err == nil {
		t.Error("a certificate is good for longer before its issue than it has to be")
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
	if err := trusts(first.Roots(), chainOf(t, second), time.Now()); err != nil {
		t.Errorf("what one signs, another does not trust: %v", err)
	}
	d := Deps{Records: records, Sealer: open{}}
	if _, err := Load(t.Context(), Config{TrustDomain: "other.local"}, d); err == nil {
		t.Error("a mesh changed its trust domain")
	}
	if _, err := Load(t.Context(), Config{TrustDomain: "Not A Domain"}, Deps{Records: &memory{}, Sealer: open{}}); err == nil {
		t.Error("took a trust domain that is none")
	}
}

func TestIntermediateIsRenewedWithItsKey(t *testing.T) {
	records, now := &memory{}, time.Now()
	load := func() *Authority {
		a, err := Load(t.Context(), Config{TrustDomain: "mesh.local", TTL: time.Hour}, Deps{Records: records, Sealer: open{}, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := load()
	old := a.Standing().Signing
	now = now.Add(intermediateLife/2 + time.Hour)
	if err := a.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	renewed := a.Standing().Signing
	if renewed.NotAfter.Sub(old.NotAfter) < intermediateLife/3 || keyID(renewed) != keyID(old) {
		t.Errorf("renewed until %s with key %s, want half a year more and the same key", renewed.NotAfter, keyID(renewed))
	}
	if err := trusts(a.Roots(), chainOf(t, a), now); err != nil {
		t.Error(err)
	}
	version := a.Trust().Version
	if err := a.Maintain(t.Context()); err != nil || a.Trust().Version != version {
		t.Errorf("renewed again at once: %v", err)
	}
	now = now.Add(rootLife)
	if _, _, err := a.IssueRequest(request(t, elliptic.P256()), reviews); err == nil {
		t.Error("an authority that has ended issued a certificate")
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
		if _, _, err := a.IssueRequest(csr, reviews); err == nil {
			t.Errorf("%s: a certificate was issued", name)
		}
	}
	if _, _, err := a.IssueRequest(request(t, elliptic.P256()), identity.Workload{Service: "a.b"}); err == nil {
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
		if !bytes.Equal(c.Certificate[len(c.Certificate)-1], a.Root().Raw) {
			t.Errorf("chain of %d certificates does not end in the root", len(c.Certificate))
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
	chain := chainOf(t, a)
	if err := a.Admit(chain); err != nil {
		t.Error(err)
	}
	a.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := a.Admit(chain); err == nil {
		t.Error("an expired certificate was admitted")
	}
}

// FuzzIssueRequest holds that a request, which a stranger makes, says nothing of who gets
// the certificate.
func FuzzIssueRequest(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"evil.example"}}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(csr)
	a, err := Load(f.Context(), Config{TrustDomain: "mesh.local", TTL: time.Hour}, Deps{Records: &memory{}, Sealer: open{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, csr []byte) {
		chain, _, err := a.IssueRequest(csr, reviews)
		if err != nil {
			return
		}
		c, err := x509.ParseCertificate(chain[0])
		if err != nil || len(c.URIs) != 1 || c.URIs[0].String() != "spiffe://mesh.local/ns/default/sa/reviews" || len(c.DNSNames) != 1 || c.IsCA {
			t.Errorf("a certificate for %v %v (CA %t), %v", c.URIs, c.DNSNames, c.IsCA, err)
		}
	})
}

func FuzzParseSerial(f *testing.F) {
	f.Add("00:Ab:1")
	f.Fuzz(func(t *testing.T, s string) {
		serial, err := ParseSerial(s)
		if err != nil {
			return
		}
		if again, err := ParseSerial(serial); err != nil || again != serial {
			t.Errorf("%q is %q, and that is %q, %v", s, serial, again, err)
		}
	})
}
