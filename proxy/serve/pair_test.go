package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/accesslog"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/gather"
	"github.com/sightline-mesh/sightline/proxy/retry"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/sampling"
	"github.com/sightline-mesh/sightline/proxy/stream"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// authority is a certificate authority for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	a.cert = a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}, key)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t testing.TB, c *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// config is a TLS configuration of the workload, for both sides of a connection.
func (a *authority) config(t testing.TB, name string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}},
		RootCAs:      a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, NextProtos: []string{stream.ALPN, "h2", "http/1.1"},
		DynamicRecordSizingDisabled: true,
	}
}

// records is a Sink that keeps what it is told.
type records struct {
	instead atomic.Pointer[emit.Sink] // gets them in this one's place, if set

	mu     sync.Mutex
	all    []emit.Record
	opened []emit.Record
}

func (r *records) Open(rec *emit.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened = append(r.opened, *rec)
}

func (r *records) Emit(rec *emit.Record) {
	if s := r.instead.Load(); s != nil {
		(*s).Emit(rec)
		return
	}
	c := *rec
	for _, s := range []*string{&c.Method, &c.Path, &c.Authority, &c.RequestID, &c.UserAgent, &c.Reason} {
		*s = strings.Clone(*s)
	}
	c.Tries = slices.Clone(rec.Tries)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, c)
}

// opens returns the streams that were told to have opened.
func (r *records) opens() []emit.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.opened)
}

// await returns the n-th record from the beginning, when there is one. A client has its
// answer before the record of it is made: records of several connections come in the
// order of their requests only if each is awaited before the next request.
func (r *records) await(t testing.TB, n int) (rec emit.Record) {
	t.Helper()
	eventually(t, func() string { return fmt.Sprintf("record %d", n) }, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.all) <= n {
			return false
		}
		rec = r.all[n]
		return true
	})
	return rec
}

// soon is how long a test waits for what should happen at once, on a machine that
// may have much else to do.
const soon = time.Minute

// eventually waits until ok, and fails with what it has waited for.
func eventually(t testing.TB, what func() string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", soon, what())
		}
	}
}

// app is a program of a user's, behind a sidecar.
type app struct {
	http.Handler
	listen func(net.Listener) // instead of Handler, for what net/http cannot do
}

// sidecar is the receiving half of a mesh in a test.
type sidecar struct {
	in      *Inbound
	records *records
	addr    netip.AddrPort
	guard   atomic.Pointer[Guard]
	logs    atomic.Pointer[accesslog.Rule]
	spans   atomic.Pointer[emit.SpanRule]
	stop    func() // drains and waits

	mu    sync.Mutex // guards what follows
	peers []*tls.Conn
}

// proved are the connections whose clients have proved who they are.
func (s *sidecar) proved() []*tls.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers)
}

// mesh of one service with some instances, and a client's sidecar.
type testMesh struct {
	authority *authority
	out       *Outbound
	records   *records
	set       *upstream.Set
	snap      mesh.Snapshot
	table     *route.Table
	sidecars  []*sidecar
	addr      string // of the client's sidecar
	stop      func()
	untold    error // of Resolve
	logs      atomic.Pointer[accesslog.Rule]
	spans     atomic.Pointer[emit.SpanRule]
}

type meshConfig struct {
	protocol mesh.AppProtocol // of the apps
	routes   []mesh.Route
	policy   mesh.Policy
	hedge    *mesh.Hedge
	drain    time.Duration
	intake   Intake // of the client's sidecar
	sampler  func() *sampling.Sampler
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run calls serve in a goroutine and returns what ends it and waits.
func run(t testing.TB, serve func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func startApp(t testing.TB, a app) string {
	t.Helper()
	l := loopback(t)
	if a.listen != nil {
		done := make(chan struct{})
		go func() { defer close(done); a.listen(l) }()
		t.Cleanup(func() { l.Close(); <-done })
		return l.Addr().String()
	}
	s := &http.Server{Handler: a.Handler, DisableGeneralOptionsHandler: true, Protocols: new(http.Protocols), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }() //nolint:errcheck // it ends by Close
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

func startSidecar(t testing.TB, a *authority, cfg InboundConfig, sampler ...func() *sampling.Sampler) *sidecar {
	t.Helper()
	s := &sidecar{records: &records{}}
	s.guard.Store(&Guard{})
	deps := InboundDeps{
		TLS: a.config(t, "reviews"),
		PeerOf: func(cs tls.ConnectionState) (emit.Peer, error) {
			name := cs.PeerCertificates[0].DNSNames[0]
			return emit.Peer{Service: name, Identity: "spiffe://mesh.local/ns/default/sa/" + name}, nil
		},
		Proved: func(c *tls.Conn) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.peers = append(s.peers, c)
		},
		Guard: s.guard.Load,
		Sink:  s.records, Logger: slog.New(slog.DiscardHandler), Logs: s.logs.Load, Spans: s.spans.Load,
	}
	for _, f := range sampler {
		deps.Sampler = f
	}
	s.in = NewInbound(cfg, deps)
	l := loopback(t)
	s.addr = netip.MustParseAddrPort(l.Addr().String())
	s.stop = run(t, func(ctx context.Context) error { defer s.in.Close(); return s.in.Serve(ctx, l) })
	return s
}

// reviewsIdentity is what the sidecars of "reviews" prove.
const reviewsIdentity = "spiffe://mesh.local/ns/default/sa/reviews"

// newMesh starts the service "reviews" with an instance for each app.
func newMesh(t testing.TB, cfg meshConfig, apps ...app) *testMesh {
	t.Helper()
	m := &testMesh{authority: newAuthority(t), records: &records{}}
	if cfg.drain == 0 {
		cfg.drain = 5 * time.Second
	}
	snap := mesh.Snapshot{Service: "reviews", Version: 7, Known: true, Routes: cfg.routes, Policy: cfg.policy, Hedge: cfg.hedge}
	for i, a := range apps {
		s := startSidecar(t, m.authority, InboundConfig{
			Apps: []App{{Address: startApp(t, a), Protocol: cfg.protocol}}, Drain: cfg.drain, Intake: Intake{Paths: cfg.intake.Paths},
		}, cfg.sampler)
		m.sidecars = append(m.sidecars, s)
		snap.Instances = append(snap.Instances, mesh.Instance{
			ID: mesh.InstanceID("reviews-" + string(rune('1'+i))), Service: "reviews", Identity: reviewsIdentity, Version: "v1",
			Address: s.addr, Labels: map[string]string{"version": "v1"}, State: mesh.Ready,
		})
	}
	m.start(t, cfg, snap)
	return m
}

func (m *testMesh) start(t testing.TB, cfg meshConfig, snap mesh.Snapshot) {
	t.Helper()
	var err error
	if m.table, err = route.Compile([]mesh.Snapshot{snap}); err != nil {
		t.Fatal(err)
	}
	tlsConfig := m.authority.config(t, "productpage")
	m.set = upstream.New(upstream.Deps{
		OnRemove: func(i *upstream.Instance) { m.out.Remove(i) }, OnLimits: func(i *upstream.Instance) { m.out.Remove(i) },
	})
	m.out = NewOutbound(OutboundConfig{Drain: cfg.drain, Intake: cfg.intake}, OutboundDeps{
		Resolve: func(context.Context, mesh.ServiceName, time.Time) (*route.Table, error) { return m.table, m.untold },
		Pick:    m.set.Pick,
		Dial: func(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error) {
			if to.Plaintext() {
				return new(net.Dialer).DialContext(ctx, "tcp", to.At().String())
			}
			c := tlsConfig.Clone()
			c.ServerName, c.NextProtos = "reviews", []string{alpn, stream.Mesh}
			return gather.DialTLS(ctx, new(net.Dialer), to.At().String(), c)
		},
		Budget: retry.NewBudget(time.Now), Sink: m.records, Logger: slog.New(slog.DiscardHandler), Sampler: cfg.sampler, Logs: m.logs.Load,
		Spans: m.spans.Load,
	})
	m.set.Update([]mesh.Snapshot{snap})
	m.snap = snap
	l := loopback(t)
	m.addr = l.Addr().String()
	m.stop = run(t, func(ctx context.Context) error { defer m.out.Close(); return m.out.Serve(ctx, l) })
}

// client makes a client of the app's, which calls its sidecar.
func (m *testMesh) client(t testing.TB) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: m.dial, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// client2 is client for HTTP/2 with prior knowledge.
func (m *testMesh) client2(t testing.TB) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: m.dial, Protocols: new(http.Protocols), DisableCompression: true}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (m *testMesh) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", m.addr)
}

// raw sends bytes to the client's sidecar and returns all that comes back.
func (m *testMesh) raw(t testing.TB, request string) string {
	t.Helper()
	c := m.connect(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read answer: %v after %q", err, all)
	}
	return string(all)
}

func (m *testMesh) connect(t testing.TB) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", m.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(soon)))
	return c.(*net.TCPConn)
}

// must fails the test on an error of something that cannot go wrong.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
