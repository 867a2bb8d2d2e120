package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"
)

// FuzzNewMaterial reads what a control plane answers an enrolment with.
func FuzzNewMaterial(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, der)
	f.Add(der, append(der, der...))
	f.Add([]byte("torn"), der)
	f.Fuzz(func(t *testing.T, leaf, root []byte) {
		m, err := newMaterial(key, [][]byte{leaf}, [][]byte{root})
		if err == nil && (m.certificate.Leaf == nil || len(root) > 0 && len(m.roots) == 0) {
			t.Errorf("accepted %x and %x as %+v", leaf, root, m)
		}
	})
}
