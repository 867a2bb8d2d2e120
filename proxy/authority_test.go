package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

const testDomain = "mesh.local"

// authority stands for the control plane's CA.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	a.root = a.sign(&x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		URIs: []*url.URL{{Scheme: "spiffe", Host: testDomain}},
	}, &a.key.PublicKey)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(c *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	parent := a.root
	if parent == nil {
		parent = c
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}

// issue makes the certificate of a workload.
func (a *authority) issue(w identity.Workload) tls.Certificate {
	a.t.Helper()
	w, err := w.Normal()
	if err != nil {
		a.t.Fatal(err)
	}
	id, err := url.Parse(string(identity.ID(testDomain, w.Namespace, w.Account)))
	if err != nil {
		a.t.Fatal(err)
	}
	key := newKey(a.t)
	leaf := a.sign(&x509.Certificate{
		URIs: []*url.URL{id}, DNSNames: []string{w.DNSName()}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, &key.PublicKey)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// stateDir is a directory as a sidecar that once had a control plane leaves it.
func (a *authority) stateDir(w identity.Workload) string {
	a.t.Helper()
	c := a.issue(w)
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	own := append(encodePEM("PRIVATE KEY", key), encodePEM("CERTIFICATE", c.Certificate[0])...)
	for name, content := range map[string][]byte{"identity.pem": own, "roots.pem": encodePEM("CERTIFICATE", a.root.Raw)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return dir
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
