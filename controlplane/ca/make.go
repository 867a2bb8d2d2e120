package ca

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

const (
	rootLife         = 10 * 365 * 24 * time.Hour
	intermediateLife = 365 * 24 * time.Hour
	authorityEarlier = time.Hour // authorities are valid from before everything they sign
)

// makeOwn makes a root of the mesh's own and an intermediate below it, which is what
// signs: the root's key is used once a year.
func (a *Authority) makeOwn(ctx context.Context, now time.Time) (*Material, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	// The name differs from root to root: path building goes by names.
	template := authorityTemplate(a.domain, "root "+now.UTC().Format("2006-01-02T15:04:05Z"), now, rootLife)
	root, err := x509.CreateCertificate(rand.Reader, template, template, rootKey.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("make root: %w", err)
	}
	m := &Material{Root: root}
	if m.RootKey, err = a.seal(ctx, rootKey); err != nil {
		return nil, err
	}
	return m, a.makeIntermediate(ctx, m, rootKey, now)
}

// makeIntermediate puts a new signing certificate and key below the root of m.
func (a *Authority) makeIntermediate(ctx context.Context, m *Material, rootKey crypto.Signer, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make intermediate key: %w", err)
	}
	der, err := a.certifyIntermediate(m.Root, rootKey, key.Public(), now)
	if err != nil {
		return err
	}
	m.Chain = [][]byte{der}
	m.Key, err = a.seal(ctx, key)
	return err
}

// certifyIntermediate has a root vouch for the key of an intermediate.
func (a *Authority) certifyIntermediate(root []byte, rootKey crypto.Signer, pub crypto.PublicKey, now time.Time) ([]byte, error) {
	parent, err := x509.ParseCertificate(root)
	if err != nil {
		return nil, fmt.Errorf("make intermediate: %w", err)
	}
	template := authorityTemplate(a.domain, "intermediate", now, intermediateLife)
	template.MaxPathLen, template.MaxPathLenZero = 0, true // it signs workloads and no other authority
	template.NotAfter = minTime(template.NotAfter, parent.NotAfter)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, rootKey)
	if err != nil {
		return nil, fmt.Errorf("make intermediate: %w", err)
	}
	return der, nil
}

func authorityTemplate(domain spiffeid.TrustDomain, what string, now time.Time, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          serial(now),
		Subject:               pkix.Name{CommonName: domain.Name() + " " + what, Organization: []string{"Sightline"}},
		NotBefore:             now.Add(-authorityEarlier),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		URIs:                  []*url.URL{domain.ID().URL()},
	}
}

// seal makes a private key fit to be stored.
func (a *Authority) seal(ctx context.Context, key crypto.Signer) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("seal authority's key: %w", err)
	}
	return a.sealer.Encrypt(ctx, raw, a.about())
}

func (a *Authority) unseal(ctx context.Context, sealed []byte) (crypto.Signer, error) {
	raw, err := a.sealer.Decrypt(ctx, sealed, a.about())
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("open authority's key: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("open authority's key: it is a %T, which does not sign", parsed)
	}
	return key, nil
}

func (a *Authority) about() string { return "CA key of " + a.domain.Name() }

// serial begins with the moment it was made at, so that a certificate tells when it was
// issued: its NotBefore is earlier by what clocks may disagree. 80 bits are random.
func serial(now time.Time) *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	return new(big.Int).SetBytes(b[:])
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
