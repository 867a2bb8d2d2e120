package pair

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// certificates are those of the nginx pair, of the kind that sidecars have: ECDSA
// P-256, one SPIFFE id, from one root.
type certificates struct {
	Root   string // path of PEM
	Caller leafFiles
	Callee leafFiles
}

type leafFiles struct {
	Name             string // DNS
	Certificate, Key string // paths of PEM
}

type issuer struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	serial      int64
}

func writeCertificates(dir string) (c certificates, err error) {
	root := &issuer{}
	if c.Root, err = root.create(filepath.Join(dir, "root.pem")); err != nil {
		return c, fmt.Errorf("make root certificate: %w", err)
	}
	if c.Caller, err = root.issue(dir, "caller"); err == nil {
		c.Callee, err = root.issue(dir, "echo")
	}
	if err != nil {
		return c, fmt.Errorf("make certificate: %w", err)
	}
	return c, nil
}

func (i *issuer) template(name string) *x509.Certificate {
	i.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(i.serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

// create makes the root.
func (i *issuer) create(path string) (string, error) {
	var err error
	if i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return "", err
	}
	t := i.template("peers root")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, i.key.Public(), i.key)
	if err != nil {
		return "", err
	}
	if i.certificate, err = x509.ParseCertificate(der); err != nil {
		return "", err
	}
	return path, writePEM(path, "CERTIFICATE", der)
}

func (i *issuer) issue(dir, name string) (leafFiles, error) {
	l := leafFiles{
		Name:        name + ".peers.test",
		Certificate: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return l, err
	}
	t := i.template(name)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames = []string{l.Name}
	t.URIs = []*url.URL{{Scheme: "spiffe", Host: "peers.test", Path: "/ns/default/sa/" + name}}
	der, err := x509.CreateCertificate(rand.Reader, t, i.certificate, key.Public(), i.key)
	if err != nil {
		return l, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return l, err
	}
	if err := writePEM(l.Certificate, "CERTIFICATE", der); err != nil {
		return l, err
	}
	return l, writePEM(l.Key, "PRIVATE KEY", pkcs8)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
