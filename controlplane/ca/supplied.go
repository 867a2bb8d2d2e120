package ca

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// Files are the PEM files of an authority that someone else made: a root, or an
// intermediate with the certificates above it.
type Files struct {
	Cert  string // what is to sign
	Key   string // its private key: PKCS #8, or the older forms for EC and RSA
	Chain string // from its issuer up to the root; not needed for a root
}

func (f Files) given() bool { return f != Files{} }

// suppliedCA is what the files hold, checked.
type suppliedCA struct {
	chain [][]byte
	root  []byte
	key   crypto.Signer
}

// readSupplied reads and checks the configured files, nil when there are none. Every
// refusal names the file.
func (a *Authority) readSupplied() (*suppliedCA, error) {
	f := a.cfg.Supplied
	switch {
	case !f.given():
		return nil, nil
	case f.Cert == "":
		return nil, errors.New("ca-cert: must be given with ca-key and ca-chain")
	case f.Key == "":
		return nil, fmt.Errorf("ca-key: must be given with ca-cert %s", f.Cert)
	}
	certs, err := readCertificates(f.Cert)
	if err != nil {
		return nil, err
	}
	if f.Chain != "" {
		above, err := readCertificates(f.Chain)
		if err != nil {
			return nil, err
		}
		certs = append(certs, above...)
	}
	key, err := readKey(f.Key)
	if err != nil {
		return nil, err
	}
	if err := a.checkSigning(certs[0], key); err != nil {
		return nil, err
	}
	out := &suppliedCA{key: key}
	if out.chain, out.root, err = a.order(certs); err != nil {
		return nil, err
	}
	return out, a.rehearse(certs[0], out)
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", path, len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: holds no certificate in PEM", path)
	}
	return out, nil
}

func readKey(path string) (crypto.Signer, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		var key any
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, fmt.Errorf("%s: is encrypted: give it decrypted (openssl pkey -in %s); it is kept sealed", path, path)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%s: holds a %T, which does not sign", path, key)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("%s: holds no private key in PEM", path)
}

// checkSigning refuses a certificate that workloads' cannot be signed with.
func (a *Authority) checkSigning(c *x509.Certificate, key crypto.Signer) error {
	f, now := a.cfg.Supplied, a.now()
	pub, comparable := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return fmt.Errorf("%s: is no authority: its basic constraints lack CA:TRUE", f.Cert)
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("%s: may not sign certificates: its key usage lacks keyCertSign", f.Cert)
	case len(c.SubjectKeyId) == 0:
		return fmt.Errorf("%s: has no subject key identifier, by which sidecars tell who signed", f.Cert)
	case !comparable || !pub.Equal(c.PublicKey):
		return fmt.Errorf("%s: is not the key of %s", f.Key, f.Cert)
	case now.Before(c.NotBefore):
		return fmt.Errorf("%s: is not valid before %s", f.Cert, c.NotBefore.UTC().Format(time.RFC3339))
	case now.Add(2 * a.cfg.TTL).After(c.NotAfter):
		return fmt.Errorf("%s: ends at %s: want at least twice the life of certificates, %s, to be left",
			f.Cert, c.NotAfter.UTC().Format(time.RFC3339), 2*a.cfg.TTL)
	}
	if err := ofDomain(c, a.domain); err != nil {
		return fmt.Errorf("%s: %w", f.Cert, err)
	}
	return nil
}

// order sorts what stands above the signing certificate, up to the root.
func (a *Authority) order(certs []*x509.Certificate) (chain [][]byte, root []byte, err error) {
	f, at, above := a.cfg.Supplied, certs[0], certs[1:]
	for steps := 0; ; steps++ {
		if at.CheckSignatureFrom(at) == nil {
			return chain, at.Raw, nil
		}
		chain = append(chain, at.Raw)
		next := issuerOf(at, above)
		switch {
		case next == nil && f.Chain == "":
			return nil, nil, fmt.Errorf("%s: is an intermediate, signed by %q: ca-chain must hold the certificates above it, up to the root", f.Cert, at.Issuer)
		case next == nil, steps > len(certs):
			return nil, nil, fmt.Errorf("%s: lacks the issuer %q of %q", f.Chain, at.Issuer, at.Subject)
		case next.MaxPathLen >= 0 && next.MaxPathLen < steps+1:
			return nil, nil, fmt.Errorf("%s: %q may have %d authorities below it: %s would be number %d", f.Chain, next.Subject, next.MaxPathLen, f.Cert, steps+1)
		}
		at = next
	}
}

func issuerOf(c *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	for _, one := range among {
		if string(one.RawSubject) == string(c.RawIssuer) && one.IsCA && checkedBy(c, one) {
			return one
		}
	}
	return nil
}

func checkedBy(c, parent *x509.Certificate) bool {
	return parent.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// rehearse signs a certificate and has it verified as peers would: name constraints and
// whatever else authorities may say of those below them are found this way.
func (a *Authority) rehearse(signing *x509.Certificate, s *suppliedCA) error {
	root, err := x509.ParseCertificate(s.root)
	if err != nil {
		return fmt.Errorf("%s: %w", a.cfg.Supplied.Cert, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	chain, _, err := a.issueWith(&opened{signing: signing, key: s.key}, &key.PublicKey, identity.ControlPlaneWorkload("trial"))
	if err != nil {
		return fmt.Errorf("%s: %w", a.cfg.Supplied.Cert, err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return fmt.Errorf("%s: %w", a.cfg.Supplied.Cert, err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, der := range s.chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("%s: %w", a.cfg.Supplied.Cert, err)
		}
		between.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: a.now(), KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return fmt.Errorf("%s: what it signs for %s would be refused: %w", a.cfg.Supplied.Cert, leaf.URIs[0], err)
		}
	}
	return nil
}

func (a *Authority) sealSupplied(ctx context.Context, s *suppliedCA) (*Material, error) {
	key, err := a.seal(ctx, s.key)
	if err != nil {
		return nil, err
	}
	return &Material{Chain: s.chain, Root: s.root, Key: key}, nil
}

// propose keeps a supplied authority that is not the one in force for a rotation to it.
// One that waits already is sealed anew where it cannot be opened.
func (a *Authority) propose(ctx context.Context, supplied *suppliedCA) error {
	s := a.current.Load().state
	m := Material{Chain: supplied.chain, Root: supplied.root}
	for _, known := range []*Material{&s.Signer, s.Next, s.Supplied} {
		if known == nil || string(known.signing()) != string(m.signing()) {
			continue
		}
		if known != s.Supplied || a.prove(ctx, known) == nil {
			return nil
		}
	}
	sealed, err := a.sealSupplied(ctx, supplied)
	if err != nil {
		return err
	}
	return a.change(ctx, func(s *State) error {
		s.Supplied = sealed
		return nil
	})
}
