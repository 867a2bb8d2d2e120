package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sightline-mesh/sightline/collector/store"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

func TestRunRefuses(t *testing.T) {
	remote := store.Config{Listen: "0.0.0.0:8123", Remote: true}
	open, half, certified := remote, remote, remote
	open.Password = "secret"
	half.TLSCert = "cert.pem"
	certified.TLSCert, certified.TLSKey = "cert.pem", "key.pem"
	for name, c := range map[string]struct {
		config store.Config
		want   string
	}{
		"the network":                    {store.Config{Listen: "0.0.0.0:8123"}, "not a loopback address"},
		"all addresses":                  {store.Config{Listen: ":8123"}, "not a loopback address"},
		"the network without a password": {certified, "has no password"},
		"the network in the clear":       {open, "in the clear"},
		"a certificate without its key":  {half, "one is missing"},
		"no port":                        {store.Config{Listen: "127.0.0.1"}, "want host:port or unix:/path"},
		"a socket that is nowhere":       {store.Config{Listen: "unix:store.sock"}, "want an absolute path"},
		"a lost certificate":             {store.Config{Listen: "127.0.0.1:0", Library: "/dev/null", TLSCert: "/nonexistent/cert.pem", TLSKey: "/nonexistent/key.pem"}, "no such file"},
		"a lost library":                 {store.Config{Listen: "127.0.0.1:0", Library: "/nonexistent/libchdb.so"}, "make engine"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Dir, c.config.Logger = t.TempDir(), slog.New(slog.DiscardHandler)
			if err := store.Run(t.Context(), c.config); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestListensOnASocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	s := storetest.OpenWith(t, t.TempDir(), store.Config{Listen: "unix:" + path})
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket's mode is %v (%v), want 0600", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("beside the socket lies %v, %v", left, err)
	}
	answers(t, overSocket(t, s.DSN(), path))
	again := store.Config{Dir: t.TempDir(), Listen: "unix:" + path, Library: "/dev/null", Logger: slog.New(slog.DiscardHandler)}
	if err := store.Run(t.Context(), again); err == nil || !strings.Contains(err.Error(), "somebody listens there") {
		t.Errorf("a second store on the socket: %v", err)
	}
	s.Kill() // its socket stays behind
	s = storetest.OpenWith(t, t.TempDir(), store.Config{Listen: "unix:" + path})
	answers(t, overSocket(t, s.DSN(), path))
	s.Stop()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket of a store that has ended: %v", err)
	}
}

func overSocket(t *testing.T, dsn, path string) *clickhouse.Options {
	t.Helper()
	o, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	delete(o.Settings, "socket") // which is package clickhouse's
	o.DialContext = func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return o
}

func answers(t *testing.T, o *clickhouse.Options) {
	t.Helper()
	c, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var n uint8
	if err := c.QueryRow(t.Context(), "SELECT 42").Scan(&n); err != nil || n != 42 {
		t.Errorf("got %d, %v", n, err)
	}
}

// A store on all addresses, as others than this machine use it.
func TestListensOverTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	s := storetest.OpenWith(t, t.TempDir(), store.Config{Listen: "0.0.0.0:0", Remote: true, TLSCert: cert, TLSKey: key})
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "https", User: url.UserPassword(storetest.User, storetest.Password), Host: "127.0.0.1:" + port, Path: "/default", RawQuery: "secure=true"}
	o, err := clickhouse.ParseDSN(u.String())
	if err != nil {
		t.Fatal(err)
	}
	o.TLS = &tls.Config{RootCAs: roots}
	answers(t, o)

	o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	c, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := errors.AsType[x509.UnknownAuthorityError](c.Ping(t.Context())); !ok {
		t.Error("a certificate of nobody was believed")
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "store"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := errors.Join(os.WriteFile(certFile, certPEM, 0o600), os.WriteFile(keyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, roots
}
