package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// testMesh is some real sidecars on loopback with real apps. In the place of a control
// plane, the test writes certificates to disk and applies snapshots.
type testMesh struct {
	*testing.T
	ca        *authority
	collector *httptest.Server
	exports   atomic.Int64
	web       *sidecar // the one that calls
	client    *http.Client
}

// sidecar is one that runs, and its app.
type sidecar struct {
	*Proxy
	app  *app
	stop func() // drains and waits
}

// app answers with its version; while failing it answers 500.
type app struct {
	version string
	failing atomic.Bool
	served  atomic.Int64
	hold    chan struct{} // requests to /hold wait for it to be closed
	held    chan struct{} // and say here that they do
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.served.Add(1)
	if r.URL.Path == "/hold" {
		a.held <- struct{}{}
		<-a.hold
	}
	if a.failing.Load() {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.WriteString(w, a.version)
}

func newMesh(t *testing.T) *testMesh {
	t.Helper()
	m := &testMesh{T: t, ca: newAuthority(t)}
	m.collector = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		m.exports.Add(1)
	}))
	m.collector.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		Certificates: []tls.Certificate{m.ca.issue(identity.Workload{
			Service: "collector", Namespace: mesh.SystemNamespace, Account: mesh.CollectorAccount, Instance: "collector-1",
		})},
	}
	m.collector.StartTLS()
	t.Cleanup(m.collector.Close)
	m.web = m.start("web", "v1", nil)
	outbound := &url.URL{Scheme: "http", Host: m.web.l.outbound.Addr().String()}
	transport := &http.Transport{Proxy: http.ProxyURL(outbound), MaxIdleConnsPerHost: 16}
	m.client = &http.Client{Transport: transport, Timeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	return m
}

// start runs a sidecar until the test ends.
func (m *testMesh) start(service, version string, a *app) *sidecar {
	m.Helper()
	w := identity.Workload{Service: service, Version: version, Instance: service + "-" + version}
	c := Default()
	c.Service, c.Version, c.Instance, c.Dir = service, version, w.Instance, m.ca.stateDir(w)
	c.Outbound, c.Inbound, c.Admin = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	c.Upstreams = map[string]Upstream{"reviews": {Address: "127.0.0.1:0"}}
	c.ControlPlane = "127.0.0.1:1" // nobody is there
	c.Collector = strings.TrimPrefix(m.collector.URL, "https://")
	c.Drain = 5 * time.Second
	if a != nil {
		c.Ports = []mesh.Port{{Number: uint16(m.serve(a))}}
	}
	p, err := New(m.Context(), c, Deps{Logger: slog.New(slog.NewTextHandler(m.Output(), nil))})
	if err != nil {
		m.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stopped := false
	s := &sidecar{Proxy: p, app: a, stop: func() {
		if stopped {
			return
		}
		stopped = true
		if a != nil {
			p.DrainInbound()
		}
		cancel()
		if err := <-ended; err != nil {
			m.Errorf("sidecar of %s: %v", service, err)
		}
	}}
	m.Cleanup(s.stop)
	select {
	case <-p.Ready():
	case err := <-ended:
		m.Fatalf("sidecar of %s ended: %v", service, err)
	}
	if err := p.parts.guards.apply(mesh.Inbound{}); err != nil { // as the first push would
		m.Fatal(err)
	}
	return s
}

// serve runs the app and returns its port.
func (m *testMesh) serve(a *app) int {
	m.Helper()
	a.hold, a.held = make(chan struct{}), make(chan struct{}, 1)
	s := httptest.NewServer(a)
	m.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

// instance is what the control plane would say of a sidecar.
func (s *sidecar) instance() mesh.Instance {
	return mesh.Instance{
		ID: mesh.InstanceID(s.c.Instance), Service: mesh.ServiceName(s.c.Service), Version: mesh.Version(s.c.Version),
		Address:  netip.MustParseAddrPort(s.l.inbound.Addr().String()),
		Identity: identity.ID(testDomain, "default", s.c.Service),
		Labels:   map[string]string{"version": s.c.Version}, State: mesh.Ready,
	}
}

// reviews starts a sidecar for each version and returns the snapshot of their service,
// split evenly by weight.
func (m *testMesh) reviews(versions ...string) ([]*sidecar, mesh.Snapshot) {
	m.Helper()
	snap := mesh.Snapshot{Service: "reviews", Version: 1, Known: true}
	var all []*sidecar
	split := mesh.Route{Name: "split"}
	for _, v := range versions {
		s := m.start("reviews", v, &app{version: v})
		all = append(all, s)
		snap.Instances = append(snap.Instances, s.instance())
		snap.Subsets = append(snap.Subsets, mesh.Subset{Name: v, Labels: map[string]string{"version": v}})
		split.Destinations = append(split.Destinations, mesh.Destination{Service: "reviews", Subset: v, Weight: 50})
	}
	snap.Routes = []mesh.Route{split}
	return all, snap
}

// apply does what a push does.
func (m *testMesh) apply(snaps ...mesh.Snapshot) {
	m.Helper()
	if err := m.web.parts.tables.apply(snaps); err != nil {
		m.Fatal(err)
	}
}

// get sends a request through the caller's sidecar.
func (m *testMesh) get(url string, headers ...string) (status int, body string, header http.Header) {
	m.Helper()
	req, err := http.NewRequestWithContext(m.Context(), http.MethodGet, url, nil)
	if err != nil {
		m.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := m.client.Do(req)
	if err != nil {
		m.Fatalf("GET %s: %v", url, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		m.Fatalf("GET %s: %v", url, err)
	}
	return res.StatusCode, string(b), res.Header
}

// spread sends n requests and counts the answers by status and body: "200 v1".
func (m *testMesh) spread(n int, headers ...string) map[string]int {
	m.Helper()
	got := map[string]int{}
	for range n {
		status, body, _ := m.get("http://reviews/", headers...)
		got[fmt.Sprint(status, " ", body)]++
	}
	return got
}
