package telemetry

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/collector"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

func TestMain(m *testing.M) {
	storetest.Child()
	goleak.VerifyTestMain(m)
}

// authority issues certificates of one trust domain.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) leaf(t *testing.T) []tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
}

func (a *authority) server(t *testing.T) func(alpn ...string) *tls.Config {
	t.Helper()
	leaf := a.leaf(t)
	return func(alpn ...string) *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: leaf, NextProtos: alpn,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
		}
	}
}

func (a *authority) client(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: a.leaf(t), RootCAs: a.pool, ServerName: "localhost"}
}

// running is something with a Run method, run.
type running struct{ stop func() }

func run(t *testing.T, f func(context.Context) error) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	r := running{func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}}
	t.Cleanup(r.stop)
	return r
}

func logger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// startCollector runs a collector and waits until it receives.
func startCollector(t *testing.T, c collector.Config, d collector.Deps) (*collector.Collector, running) {
	t.Helper()
	d.Logger = logger(t)
	col, err := collector.New(c, d)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, col.Run)
	until(t, "the collector receives", func() bool {
		select {
		case <-col.Ready():
			return true
		default:
			return false
		}
	})
	return col, r
}

// startEmitter runs the emitter of a sidecar beside one service.
func startEmitter(t *testing.T, service, base string, conf *tls.Config) (*emit.Emitter, running) {
	t.Helper()
	c := emit.Config{
		Collector: base, Service: service, Namespace: "default", Version: "v1", Instance: service + "-1",
		Interval: 200 * time.Millisecond, Grace: 2 * time.Second,
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	e := emit.New(c, emit.Deps{TLS: conf, Logger: logger(t)})
	return e, run(t, e.Run)
}

// openStore opens the database that the collector fills.
func openStore(t *testing.T, dsn string) (*clickhouse.Store, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/sightline"
	s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, u.String()
}

// until waits for what other processes do.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
