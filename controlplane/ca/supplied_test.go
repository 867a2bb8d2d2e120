package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// made is an authority that somebody else made.
type made struct {
	der []byte
	key *ecdsa.PrivateKey
}

// authorityOf makes one, signed by parent or by itself.
func authorityOf(t *testing.T, name string, parent *made, change func(*x509.Certificate)) *made {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(time.Now()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1,
	}
	if change != nil {
		change(template)
	}
	above, signer := template, crypto.Signer(key)
	if parent != nil {
		if above, err = x509.ParseCertificate(parent.der); err != nil {
			t.Fatal(err)
		}
		signer = parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, above, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return &made{der, key}
}

// file writes PEM blocks of a type.
func file(t *testing.T, name, kind string, ders ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	var raw []byte
	for _, der := range ders {
		raw = append(raw, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *made) files(t *testing.T, above ...*made) Files {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(m.key)
	if err != nil {
		t.Fatal(err)
	}
	f := Files{Cert: file(t, "ca.pem", "CERTIFICATE", m.der), Key: file(t, "ca.key", "PRIVATE KEY", key)}
	var ders [][]byte
	for _, a := range above {
		ders = append(ders, a.der)
	}
	if ders != nil {
		f.Chain = file(t, "chain.pem", "CERTIFICATE", ders...)
	}
	return f
}

func loadSupplied(t *testing.T, r Records, f Files) (*Authority, error) {
	t.Helper()
	return Load(t.Context(), Config{TrustDomain: "mesh.local", TTL: time.Hour, Supplied: f}, Deps{Records: r, Sealer: open{}})
}

func TestSuppliedAuthorities(t *testing.T) {
	root := authorityOf(t, "company root", nil, nil)
	policy := authorityOf(t, "policy", root, func(c *x509.Certificate) { c.MaxPathLen = 1 })
	issuing := authorityOf(t, "issuing", policy, func(c *x509.Certificate) { c.MaxPathLenZero = true; c.MaxPathLen = 0 })
	named := authorityOf(t, "named", root, func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "mesh.local"}}
		c.PermittedURIDomains = []string{"mesh.local"}
	})
	for name, c := range map[string]struct {
		files Files
		chain int
	}{
		"a root":                        {root.files(t), 1},
		"an intermediate":               {policy.files(t, root), 2},
		"two, their chain in no order":  {issuing.files(t, root, policy), 3},
		"one that is constrained to us": {named.files(t, root), 2},
		"its chain in the file with it": {func() Files {
			f := policy.files(t)
			f.Cert = file(t, "all.pem", "CERTIFICATE", policy.der, root.der)
			return f
		}(), 2},
	} {
		records := &memory{}
		a, err := loadSupplied(t, records, c.files)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		chain := chainOf(t, a)
		if err := trusts(a.Roots(), chain, time.Now()); err != nil || len(chain) != c.chain {
			t.Errorf("%s: chain of %d, %v, want %d", name, len(chain), err, c.chain)
		}
		again, err := loadSupplied(t, records, Files{}) // the files are not needed any more
		if err != nil {
			t.Errorf("%s, without the files: %v", name, err)
		} else if err := trusts(a.Roots(), chainOf(t, again), time.Now()); err != nil {
			t.Errorf("%s, without the files: %v", name, err)
		}
	}
}

func TestSuppliedAuthoritiesThatAreRefused(t *testing.T) {
	root := authorityOf(t, "company root", nil, nil)
	good := authorityOf(t, "issuing", root, nil)
	tight := authorityOf(t, "tight", nil, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	from := func(change func(*x509.Certificate)) Files {
		return authorityOf(t, "issuing", root, change).files(t, root)
	}
	with := func(f Files, change func(*Files)) Files { change(&f); return f }
	for name, c := range map[string]struct {
		files Files
		want  []string // one names the file
	}{
		"no authority":      {from(func(c *x509.Certificate) { c.IsCA = false; c.MaxPathLen = 0 }), []string{"ca.pem", "CA:TRUE"}},
		"may not sign":      {from(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), []string{"ca.pem", "keyCertSign"}},
		"another's key":     {with(good.files(t, root), func(f *Files) { f.Key = root.files(t).Key }), []string{"ca.key", "not the key of", "ca.pem"}},
		"another domain":    {from(func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "spiffe", Host: "other.local"}} }), []string{"ca.pem", `"other.local", want "mesh.local"`}},
		"constrained":       {from(func(c *x509.Certificate) { c.PermittedURIDomains = []string{"other.local"} }), []string{"ca.pem", "would be refused", "mesh.local"}},
		"excluded":          {from(func(c *x509.Certificate) { c.ExcludedURIDomains = []string{"mesh.local"} }), []string{"ca.pem", "would be refused"}},
		"DNS constrained":   {from(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} }), []string{"ca.pem", "would be refused", "sightline"}},
		"expired":           {from(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), []string{"ca.pem", "ends at"}},
		"ends soon":         {from(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) }), []string{"ca.pem", "at least twice the life of certificates, 2h0m0s"}},
		"not valid yet":     {from(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), []string{"ca.pem", "not valid before"}},
		"no chain":          {good.files(t), []string{"ca.pem", "ca-chain must hold"}},
		"a chain with gaps": {good.files(t, tight), []string{"chain.pem", `lacks the issuer "CN=company root"`}},
		"path length":       {authorityOf(t, "issuing", tight, nil).files(t, tight), []string{"chain.pem", "may have 0 authorities below it"}},
		"no key":            {with(good.files(t, root), func(f *Files) { f.Key = "" }), []string{"ca-key", "ca.pem"}},
		"no certificate":    {Files{Key: "x"}, []string{"ca-cert"}},
		"no file":           {with(good.files(t, root), func(f *Files) { f.Cert = "/nowhere.pem" }), []string{"/nowhere.pem"}},
		"not PEM":           {with(good.files(t, root), func(f *Files) { f.Cert = file(t, "junk.pem", "JUNK", []byte("x")) }), []string{"junk.pem", "no certificate in PEM"}},
		"a broken one":      {with(good.files(t, root), func(f *Files) { f.Cert = file(t, "broken.pem", "CERTIFICATE", []byte("x")) }), []string{"broken.pem", "certificate 1"}},
		"an encrypted key":  {with(good.files(t, root), func(f *Files) { f.Key = file(t, "enc.key", "ENCRYPTED PRIVATE KEY", []byte("x")) }), []string{"enc.key", "give it decrypted"}},
		"no key in it":      {with(good.files(t, root), func(f *Files) { f.Key = f.Cert }), []string{"ca.pem", "no private key in PEM"}},
	} {
		_, err := loadSupplied(t, &memory{}, c.files)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want an error with %q", name, err, want)
			}
		}
	}
}

// Another authority than that in use is kept until a rotation goes to it.
func TestAnotherSuppliedAuthorityWaitsForARotation(t *testing.T) {
	records := &memory{}
	load(t, records, time.Hour)
	root := authorityOf(t, "company root", nil, nil)
	issuing := authorityOf(t, "issuing", root, nil)
	files := issuing.files(t, root)
	a, err := loadSupplied(t, records, files)
	if err != nil {
		t.Fatal(err)
	}
	if at := a.Standing(); !at.Supplied || !at.Own || len(at.Roots) != 1 {
		t.Errorf("before the rotation: %+v", at)
	}
	version := a.Trust().Version
	if a, err = loadSupplied(t, records, files); err != nil || a.Trust().Version != version {
		t.Errorf("a second start: %v, version %d, want nothing new", err, a.Trust().Version)
	}
	old := a.Roots()
	for _, do := range []func() error{
		func() error { return a.Distribute(t.Context()) }, func() error { return a.SignWithNext(t.Context()) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if err := trusts(old, chainOf(t, a), time.Now()); err != nil {
			t.Errorf("who trusts the old root alone: %v", err)
		}
	}
	if err := a.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := a.Standing(); at.Own || at.Supplied || string(at.Roots[0].Raw) != string(root.der) || string(at.Signing.Raw) != string(issuing.der) {
		t.Errorf("after the rotation: %+v", at)
	}
}

// No private key may lie in the state as it is.
func TestStateHoldsNoKeyThatCanBeRead(t *testing.T) {
	records := &memory{}
	a := load(t, records, time.Hour)
	for _, sealed := range [][]byte{records.state.Signer.Key, records.state.Signer.RootKey} {
		if _, err := x509.ParsePKCS8PrivateKey(sealed); err == nil {
			t.Error("a private key is stored as it is")
		}
		if _, err := a.unseal(t.Context(), sealed); err != nil {
			t.Errorf("what is stored is no sealed key: %v", err)
		}
	}
}
