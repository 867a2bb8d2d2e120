package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// host is a server outside the mesh that takes TLS, and what it was asked with.
type host struct {
	*httptest.Server
	snapshot mesh.Snapshot
}

// outside starts a server whose certificate is of an authority, for names. It answers with
// what it sees.
func (m *testMesh) outside(name mesh.ServiceName, a *authority, set func(*httptest.Server), names ...string) *host {
	m.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].DNSNames[0]
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s sni=%s from=%s %s", r.Method, r.Proto, r.Host, r.TLS.ServerName, who, body)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.forHosts(names...)}, MinVersion: tls.VersionTLS12}
	if set != nil {
		set(s)
	}
	s.StartTLS()
	m.Cleanup(s.Close)
	at := netip.MustParseAddrPort(s.Listener.Addr().String())
	return &host{Server: s, snapshot: mesh.Snapshot{
		Service: name, Version: 1, Known: true,
		Policy: mesh.Policy{MTLS: mesh.Simple, TLS: &mesh.ClientTLS{Authorities: a.rootFile()}},
		Instances: []mesh.Instance{{
			ID: mesh.InstanceID("default/x/" + string(name)), Service: name, State: mesh.Ready, Plaintext: true,
			Address: at, AppPort: at.Port(), AppProtocol: mesh.HTTP,
		}},
	}}
}

func (a *authority) forHosts(names ...string) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	leaf := a.sign(&x509.Certificate{
		DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, &key.PublicKey)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) rootFile() string {
	a.t.Helper()
	return writeFile(a.t, filepath.Join(a.t.TempDir(), "ca.pem"), encodePEM("CERTIFICATE", a.root.Raw))
}

func writeFile(t testing.TB, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// writePair is a certificate and its key in files of a directory.
func writePair(t testing.TB, dir string, c *tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, filepath.Join(dir, "cert.pem"), encodePEM("CERTIFICATE", c.Certificate[0])),
		writeFile(t, filepath.Join(dir, "key.pem"), encodePEM("PRIVATE KEY", der))
}

// h2 is a client of HTTP/2 without TLS, through the caller's sidecar.
func (m *testMesh) h2() *http.Client {
	m.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	at := m.web.l.outbound.Addr().String()
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", at)
	}}
	m.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func (m *testMesh) ask(c *http.Client, name mesh.ServiceName) (status int, body, flags string) {
	m.Helper()
	res, err := c.Post("http://"+string(name)+"/a", "text/plain", strings.NewReader("hello"))
	if err != nil {
		m.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		m.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header.Get("X-Sightline-Flags")
}

// TestTLSWithHostsOutside: the app speaks HTTP without TLS, the host sees TLS, in the
// version of HTTP that it speaks.
func TestTLSWithHostsOutside(t *testing.T) {
	m, ca := newMesh(t), newAuthority(t)
	both := func(s *httptest.Server) { s.EnableHTTP2 = true }
	h1 := m.outside("one.example.com", ca, nil, "one.example.com")
	h2 := m.outside("two.example.com", ca, both, "*.example.com")
	h2.snapshot.Instances[0].AppProtocol = mesh.HTTP2
	any1 := m.outside("three.example.com", ca, nil, "three.example.com")
	any1.snapshot.Instances[0].AppProtocol = ""
	any2 := m.outside("four.example.com", ca, both, "four.example.com")
	any2.snapshot.Instances[0].AppProtocol = ""
	m.apply(h1.snapshot, h2.snapshot, any1.snapshot, any2.snapshot)
	for _, tt := range []struct {
		client *http.Client
		name   mesh.ServiceName
		proto  string
	}{
		{m.client, "one.example.com", "HTTP/1.1"},
		{m.h2(), "one.example.com", "HTTP/1.1"},
		{m.client, "two.example.com", "HTTP/2.0"},
		{m.h2(), "two.example.com", "HTTP/2.0"},
		{m.client, "three.example.com", "HTTP/1.1"},
		{m.h2(), "three.example.com", "HTTP/1.1"},
		{m.client, "four.example.com", "HTTP/1.1"},
		{m.h2(), "four.example.com", "HTTP/2.0"},
	} {
		for range 3 {
			status, body, _ := m.ask(tt.client, tt.name)
			want := fmt.Sprintf("POST %s %s sni=%s from=nobody hello", tt.proto, tt.name, tt.name)
			if status != http.StatusOK || body != want {
				t.Errorf("%d %q, want %q", status, body, want)
			}
		}
	}
}

// TestWhatACertificateSays is told to who asks, when it is not what it should be.
func TestWhatACertificateSays(t *testing.T) {
	m, ca, other := newMesh(t), newAuthority(t), newAuthority(t)
	snaps := map[mesh.ServiceName]*mesh.Snapshot{}
	for name, change := range map[mesh.ServiceName]func(*mesh.ClientTLS){
		"stranger.example.com":   func(o *mesh.ClientTLS) { o.Authorities = other.rootFile() },
		"system.example.com":     func(o *mesh.ClientTLS) { o.Authorities = "" },
		"name.example.com":       func(o *mesh.ClientTLS) { o.Names = []string{"b.example.net", "c.example.net"} },
		"nofile.example.com":     func(o *mesh.ClientTLS) { o.Authorities = "/nowhere/ca.pem" },
		"nopair.example.com":     func(o *mesh.ClientTLS) { o.Certificate, o.Key = o.Authorities, o.Authorities },
		"renamed.example.com":    func(o *mesh.ClientTLS) { o.ServerName = "edge.example.net" },
		"saidname.example.com":   func(o *mesh.ClientTLS) { o.ServerName, o.Names = "edge.example.net", []string{"saidname.example.com"} },
		"unverified.example.com": func(o *mesh.ClientTLS) { o.Authorities, o.Unverified = "", true },
	} {
		s := &m.outside(name, ca, nil, string(name)).snapshot
		change(s.Policy.TLS)
		snaps[name] = s
	}
	all := make([]mesh.Snapshot, 0, len(snaps))
	for _, s := range snaps {
		all = append(all, *s)
	}
	m.apply(all...)
	for name, want := range map[mesh.ServiceName][]string{
		"stranger.example.com":   {"UF", "the certificate that stranger.example.com shows is not accepted: x509: certificate signed by unknown authority", "it is for stranger.example.com, issued by"},
		"system.example.com":     {"UF", "certificate signed by unknown authority"},
		"name.example.com":       {"UF", "it is not for b.example.net or c.example.net (it is for name.example.com"},
		"nofile.example.com":     {"UF", "make TLS with nofile.example.com: caCertificates: open /nowhere/ca.pem: no such file or directory"},
		"nopair.example.com":     {"UF", "clientCertificate: ", "found a certificate rather than a key"},
		"renamed.example.com":    {"UF", "it is not for edge.example.net"},
		"saidname.example.com":   {"", "sni=edge.example.net"},
		"unverified.example.com": {"", "sni=unverified.example.com"},
	} {
		status, body, flags := m.ask(m.client, name)
		if got := strings.TrimSuffix(flags, ",URX"); !strings.Contains(got, want[0]) || (status == http.StatusOK) != (want[0] == "") {
			t.Errorf("%s: %d with flags %q, want %q", name, status, flags, want[0])
		}
		for _, part := range want[1:] {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %q does not say %q", name, body, part)
			}
		}
	}
}

// TestFilesOfTLSAreReadAnew when they change, for connections from then on.
func TestFilesOfTLSAreReadAnew(t *testing.T) {
	m, ca, next := newMesh(t), newAuthority(t), newAuthority(t)
	clients := x509.NewCertPool()
	clients.AddCert(ca.root)
	h := m.outside("api.example.com", ca, func(s *httptest.Server) {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, clients
	}, "api.example.com")
	dir, o := t.TempDir(), h.snapshot.Policy.TLS
	first, second := ca.forHosts("first.client"), ca.forHosts("second.client")
	h.snapshot.Policy.MTLS = mesh.Own
	h.snapshot.Policy.Limits.RequestsPerConnection = 1
	o.Certificate, o.Key = writePair(t, dir, &first)
	m.apply(h.snapshot)
	expect := func(want string) {
		t.Helper()
		if _, body, _ := m.ask(m.client, "api.example.com"); !strings.Contains(body, want) {
			t.Errorf("%q, want %q", body, want)
		}
	}
	expect("from=first.client")
	writeFile(t, o.Certificate, encodePEM("CERTIFICATE", second.Certificate[0])) // its key is still on the way
	expect("from=first.client")
	writePair(t, dir, &second)
	expect("from=second.client")
	writeFile(t, o.Authorities, encodePEM("CERTIFICATE", next.root.Raw))
	expect("certificate signed by unknown authority")
	writeFile(t, o.Authorities, []byte("nothing"))
	expect("certificate signed by unknown authority")
	writeFile(t, o.Authorities, encodePEM("CERTIFICATE", ca.root.Raw))
	expect("from=second.client")
}

// TestStreamInTLS: bytes of any protocol go to a host outside in TLS, too.
func TestStreamInTLS(t *testing.T) {
	m, ca := newMesh(t), newAuthority(t)
	h := m.outside("reviews", ca, nil, "reviews")
	h.snapshot.Instances[0].AppProtocol = mesh.TCP
	m.apply(h.snapshot)
	c, err := net.Dial("tcp", m.web.l.upstreams[serve.Port{Service: "reviews"}].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !strings.HasPrefix(string(body), "GET HTTP/1.1 x sni=reviews") {
		t.Errorf("%q, %v", body, err)
	}
}
