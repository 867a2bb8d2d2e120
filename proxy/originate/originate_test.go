package originate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signer is an authority, or somebody whose certificate it made.
type signer struct {
	key  *ecdsa.PrivateKey
	leaf *x509.Certificate
}

func sign(t *testing.T, by *signer, c *x509.Certificate) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c.SerialNumber = big.NewInt(time.Now().UnixNano()); c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, parentKey := c, key
	if by != nil {
		parent, parentKey = by.leaf, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key, leaf}
}

func authority(t *testing.T, by *signer, name string) *signer {
	t.Helper()
	return sign(t, by, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
}

func (s *signer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.leaf.Raw})
}

func (s *signer) keyPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func put(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+"~", content, 0o600), os.Rename(path+"~", path)); err != nil {
		t.Fatal(err)
	}
	return path
}

// shake makes a connection to a server with this chain, and returns what the client says.
func shake(t *testing.T, cfg *tls.Config, chain ...*signer) error {
	t.Helper()
	c := tls.Certificate{PrivateKey: chain[0].key}
	for _, s := range chain {
		c.Certificate = append(c.Certificate, s.leaf.Raw)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, err := l.Accept()
		if err != nil {
			return
		}
		defer b.Close()
		tls.Server(b, &tls.Config{Certificates: []tls.Certificate{c}, ClientAuth: tls.RequestClientCert}).HandshakeContext(t.Context()) //nolint:errcheck // the client says what is wrong
	}()
	defer func() { <-done }()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return tls.Client(a, cfg).HandshakeContext(t.Context())
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestWhoIsTaken: by whom a certificate is signed, for whom it is, and until when.
func TestWhoIsTaken(t *testing.T) {
	root, other := authority(t, nil, "root"), authority(t, nil, "other")
	below := authority(t, root, "below")
	roots := put(t, filepath.Join(t.TempDir(), "ca.pem"), root.pem())
	leaf := func(by *signer, set func(*x509.Certificate)) *signer {
		c := &x509.Certificate{DNSNames: []string{"a.example.com", "*.b.example.com"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}
		if set != nil {
			set(c)
		}
		return sign(t, by, c)
	}
	spiffe := &url.URL{Scheme: "spiffe", Host: "x", Path: "/y"}
	plain := leaf(root, nil)
	for name, c := range map[string]struct {
		settings Settings
		chain    []*signer
		want     string // of the error
	}{
		"its name":          {Settings{ServerName: "a.example.com"}, []*signer{plain}, ""},
		"a wildcard":        {Settings{ServerName: "x.b.example.com"}, []*signer{plain}, ""},
		"two labels below":  {Settings{ServerName: "x.y.b.example.com"}, []*signer{plain}, "it is not for x.y.b.example.com (it is for a.example.com, *.b.example.com, 192.0.2.1, issued by CN=root, valid from "},
		"by an authority":   {Settings{ServerName: "a.example.com"}, []*signer{leaf(below, nil), below}, ""},
		"a gap in between":  {Settings{ServerName: "a.example.com"}, []*signer{leaf(below, nil)}, "signed by unknown authority"},
		"another authority": {Settings{ServerName: "a.example.com"}, []*signer{leaf(other, nil), other}, "signed by unknown authority"},
		"one of names":      {Settings{ServerName: "z", Names: []string{"y", "a.example.com"}}, []*signer{plain}, ""},
		"none of names":     {Settings{ServerName: "a.example.com", Names: []string{"y", "z"}}, []*signer{plain}, "it is not for y or z"},
		"an address":        {Settings{ServerName: "z", Names: []string{"192.0.2.1"}}, []*signer{plain}, ""},
		"a URI":             {Settings{ServerName: "z", Names: []string{"spiffe://x/y"}}, []*signer{leaf(root, func(c *x509.Certificate) { c.URIs = []*url.URL{spiffe} })}, ""},
		"another URI":       {Settings{ServerName: "z", Names: []string{"spiffe://x/z"}}, []*signer{leaf(root, func(c *x509.Certificate) { c.URIs = []*url.URL{spiffe} })}, "192.0.2.1, spiffe://x/y, issued"},
		"a mail address":    {Settings{ServerName: "z", Names: []string{"a@b"}}, []*signer{leaf(root, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b"} })}, ""},
		"over":              {Settings{ServerName: "a.example.com"}, []*signer{leaf(root, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1, 0), time.Unix(2, 0) })}, "certificate has expired or is not yet valid"},
		"a client's":        {Settings{ServerName: "a.example.com"}, []*signer{leaf(root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}, "incompatible key usage"},
		"nobody's": {Settings{ServerName: "a.example.com"}, []*signer{leaf(root, func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses, c.Subject.CommonName = nil, nil, "a.example.com"
		})}, "it is for nobody, subject CN=a.example.com"},
		"anybody's": {Settings{ServerName: "q", Unverified: true}, []*signer{leaf(other, nil)}, ""},
	} {
		c.settings.Roots = roots
		cfg, err := New(slog.New(slog.DiscardHandler)).Config(&c.settings)
		if err != nil {
			t.Fatal(err)
		}
		client := shake(t, cfg, c.chain...)
		if got := said(client); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestFilesThatChange are read when they do; what is no good leaves what was there before.
func TestFilesThatChange(t *testing.T) {
	dir, one, two := t.TempDir(), authority(t, nil, "one"), authority(t, nil, "two")
	s := Settings{
		ServerName: "a", Roots: filepath.Join(dir, "ca"), Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key"),
	}
	var log strings.Builder
	o := New(slog.New(slog.NewTextHandler(&log, nil)))
	step := func(what, wantErr, wantCN string, trusted *signer) {
		t.Helper()
		cfg, err := o.Config(&s)
		if got := said(err); (got == "") != (wantErr == "") || !strings.Contains(got, wantErr) {
			t.Fatalf("%s: %q, want %q", what, got, wantErr)
		}
		if err != nil {
			return
		}
		if got := cfg.Certificates[0].Leaf.Subject.CommonName; got != wantCN {
			t.Errorf("%s: the certificate is %s's, want %s", what, got, wantCN)
		}
		server := sign(t, trusted, &x509.Certificate{DNSNames: []string{"a"}})
		if err := shake(t, cfg, server); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	step("nothing is there", "caCertificates: open "+s.Roots, "", nil)
	put(t, s.Roots, one.pem())
	step("no certificate is there", "clientCertificate: open "+s.Certificate, "", nil)
	put(t, s.Certificate, one.pem())
	put(t, s.Key, two.keyPEM(t))
	step("the key is another's", "clientCertificate: "+s.Certificate+" with key "+s.Key+": tls: private key does not match public key", "", nil)
	put(t, s.Key, one.keyPEM(t))
	step("all is there", "", "one", one)
	put(t, s.Key, two.keyPEM(t))
	step("a key is new", "", "one", one)
	step("a key is new, still", "", "one", one)
	if n := strings.Count(log.String(), "cannot be read"); n != 1 {
		t.Errorf("it is said %d times that a file is no good:\n%s", n, log.String())
	}
	put(t, s.Certificate, two.pem())
	step("and its certificate", "", "two", one)
	put(t, s.Roots, two.pem())
	step("and the roots", "", "two", two)
	put(t, s.Roots, []byte(strings.Repeat("x", maxFile+1)))
	step("roots that are too large", "", "two", two)
	if err := os.Remove(s.Roots); err != nil {
		t.Fatal(err)
	}
	step("roots that are gone", "", "two", two)
}

// TestTicketsOfBeforeAChange are not used after it, and what is kept is bounded.
func TestTicketsOfBeforeAChange(t *testing.T) {
	dir, one, two := t.TempDir(), authority(t, nil, "one"), authority(t, nil, "two")
	s := Settings{ServerName: "a", Roots: put(t, filepath.Join(dir, "ca"), one.pem())}
	o := New(slog.New(slog.DiscardHandler))
	cache := func() tls.ClientSessionCache {
		t.Helper()
		cfg, err := o.Config(&s, "h2")
		if err != nil || len(cfg.NextProtos) != 1 {
			t.Fatal(err, cfg)
		}
		return cfg.ClientSessionCache
	}
	before := cache()
	if cache() != before {
		t.Error("each connection has tickets of its own")
	}
	put(t, s.Roots, two.pem())
	if cache() == before {
		t.Error("tickets outlive the roots")
	}
	for n := range 3 * maxKept {
		s.ServerName = strings.Repeat("a", n+1)
		cache()
		if kept := len(o.roots) + len(o.pairs) + len(o.sessions); kept > maxKept+2 {
			t.Fatalf("%d entries are kept", kept)
		}
	}
}
