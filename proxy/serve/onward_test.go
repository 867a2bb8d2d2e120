package serve

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
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/listen"
)

func onward(t *testing.T, ports []mesh.OnwardPort, hosts ...string) *Onward {
	t.Helper()
	one := mesh.Onward{Entry: "shop/partners", Ports: ports}
	for _, h := range hosts {
		one.Hosts = append(one.Hosts, mesh.OnwardHost{Host: h, Name: h})
	}
	o, err := CompileOnward([]mesh.Onward{one})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOnwardNames(t *testing.T) {
	o := onward(t, []mesh.OnwardPort{{Number: 80}, {Number: 443, TLS: true}}, "*.example.com", "*.eu.example.com", "api.example.com", "example.org")
	for _, tt := range []struct {
		host string
		port uint16
		tls  bool
		want string
	}{
		{"a.example.com", 80, false, "*.example.com"},
		{"A.Example.Com.:80", 80, false, "*.example.com"},
		{"a.b.example.com", 443, true, "*.example.com"},
		{"a.eu.example.com", 443, true, "*.eu.example.com"},
		{"api.example.com", 443, true, "api.example.com"},
		{"example.org", 80, false, "example.org"},
		{"example.com", 80, false, ""},
		{"aexample.com", 80, false, ""},
		{".example.com", 80, false, ""},
		{"a.example.org", 80, false, ""},
		{"a.example.com.evil.net", 80, false, ""},
		{"a.example.com", 443, false, ""},
		{"a.example.com", 80, true, ""},
		{"a.example.com", 8080, false, ""},
		{"", 80, false, ""},
		{"..", 80, false, ""},
		{"*.example.com", 8080, false, ""},
	} {
		if got := o.name(tt.host, tt.port, tt.tls); got != tt.want {
			t.Errorf("%q at %d, TLS %v: %q, want %q", tt.host, tt.port, tt.tls, got, tt.want)
		}
	}
	if got := (*Onward)(nil).name("a.example.com", 80, false); got != "" {
		t.Errorf("without entries: %q", got)
	}
	for _, h := range []string{"", "*", "*.", "a.*.b", "**.a"} {
		if _, err := CompileOnward([]mesh.Onward{{Entry: "x/y", Hosts: []mesh.OnwardHost{{Host: h, Name: "n"}}, Ports: []mesh.OnwardPort{{Number: 80}}}}); err == nil {
			t.Errorf("%q is taken for a host", h)
		}
	}
}

// redirected serves connections as those that the kernel redirects on their way to an
// address, whatever they speak.
func (m *testMesh) redirected(t *testing.T, to string) string {
	t.Helper()
	l, original := loopback(t), netip.MustParseAddrPort(to)
	server := listen.New(listen.Config{Drain: time.Second}, func(ctx context.Context, c *listen.Conn) {
		a := &arrival{conn: c, original: original}
		switch p, err := m.out.detect(ctx, a); {
		case err != nil:
		case p == listen.HTTP1:
			m.out.serveHTTP1(ctx, a)
		case p == listen.HTTP2:
			m.out.serveHTTP2(ctx, a)
		case p == listen.TLS:
			m.out.serveTLS(ctx, a)
		default:
			m.out.serveTCP(ctx, a)
		}
	})
	run(t, func(ctx context.Context) error { return server.Serve(ctx, l) })
	return l.Addr().String()
}

// elsewhere is a server outside, and the port that it is at.
func elsewhere(t *testing.T) (at string, port uint16) {
	t.Helper()
	at = startApp(t, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { send(t, w, "elsewhere as "+r.Host) })})
	return at, netip.MustParseAddrPort(at).Port()
}

// TestOnwardOverHTTP: of a redirected connection each request may go on whose host is of an
// entry for the port that the connection was made to, and no other, where nothing else may
// leave the mesh.
func TestOnwardOverHTTP(t *testing.T) {
	at, port := elsewhere(t)
	for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, anyhow := range []bool{false, true} {
			t.Run(fmt.Sprint(proto, ", anything may leave: ", anyhow), func(t *testing.T) {
				m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
				entries := onward(t, []mesh.OnwardPort{{Number: port}, {Number: port, TLS: true}}, "*.example.com", "*.example.org")
				m.out.deps.Onward, m.out.cfg.AllowAny = func() *Onward { return entries }, anyhow
				m.addr = m.redirected(t, at)
				tr := &http.Transport{MaxConnsPerHost: 1, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", m.addr)
				}}
				if proto == "HTTP/2" {
					tr.Protocols = new(http.Protocols)
					tr.Protocols.SetUnencryptedHTTP2(true)
				}
				defer tr.CloseIdleConnections()
				c := &http.Client{Transport: tr}
				other, otherPeer := "", ""
				if anyhow {
					other, otherPeer = "elsewhere as evil.example.net", signal.Outside
				}
				for n, tt := range []struct{ host, body, peer string }{ // all on one connection
					{"a.example.com", "elsewhere as a.example.com", "*.example.com"},
					{"evil.example.net", other, otherPeer},
					{"reviews", "in the mesh", "reviews"},
					{"b.example.org:9", "elsewhere as b.example.org:9", "*.example.org"},
				} {
					r := request(t, "GET", "/", nil)
					r.Host = tt.host
					res, body := do(t, c, r)
					if want := 200; tt.body == "" {
						if res.Status != 404 {
							t.Errorf("%s: %d %q, want 404", tt.host, res.Status, body)
						}
					} else if res.Status != want || body != tt.body {
						t.Errorf("%s: %d %q, want %q", tt.host, res.Status, body, tt.body)
					}
					rec := m.records.await(t, n)
					if tt.peer != "" && rec.Peer.Service != tt.peer || tt.body == "" && rec.Flags != "NR" {
						t.Errorf("%s: peer %q, flags %q", tt.host, rec.Peer.Service, rec.Flags)
					}
				}
			})
		}
	}
}

// TestOnwardKeepsToItsPorts: a host of an entry at a port that is not of it goes nowhere.
func TestOnwardKeepsToItsPorts(t *testing.T) {
	at, port := elsewhere(t)
	for name, ports := range map[string][]mesh.OnwardPort{
		"another port": {{Number: port + 1}}, "TLS at the port": {{Number: port, TLS: true}}, "none": nil,
	} {
		m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
		entries := onward(t, append(ports, mesh.OnwardPort{Number: 1}), "*.example.com")
		m.out.deps.Onward = func() *Onward { return entries }
		c, err := net.Dial("tcp", m.redirected(t, at))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n")
		b, _ := io.ReadAll(c)
		c.Close()
		if !strings.HasPrefix(string(b), "HTTP/1.1 404 ") {
			t.Errorf("%s: answered %q, want 404", name, b)
		}
	}
	m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
	entries := onward(t, []mesh.OnwardPort{{Number: port}}, "*.example.com")
	m.out.deps.Onward = func() *Onward { return entries }
	c, err := net.Dial("tcp", m.redirected(t, at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "\x00\x01 no host is named in this\r\n\r\n")
	if b, _ := io.ReadAll(c); len(b) > 0 {
		t.Errorf("bytes that name no host are answered %q", b)
	}
}

// TestOnwardByServerName: TLS of the app's own goes on by the name that it asks for, as it is.
func TestOnwardByServerName(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "as "+r.TLS.ServerName) }))
	defer s.Close()
	at := s.Listener.Addr().String()
	m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
	entries := onward(t, []mesh.OnwardPort{{Number: netip.MustParseAddrPort(at).Port(), TLS: true}}, "*.example.com")
	m.out.deps.Onward = func() *Onward { return entries }
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	through := m.redirected(t, at)
	ask := func(name string) (string, error) {
		c, err := tls.Dial("tcp", through, &tls.Config{ServerName: name, RootCAs: roots})
		if err != nil {
			return "", err
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	}
	if got, err := ask("a.example.com"); err != nil || got != "as a.example.com" {
		t.Errorf("%q, %v", got, err)
	}
	if rec := m.records.await(t, 0); rec.Peer.Service != "*.example.com" || rec.Protocol != signal.TCP {
		t.Errorf("record %+v", rec)
	}
	if got, err := ask("example.com"); err == nil {
		t.Errorf("a name that is of no entry is answered %q", got)
	}
}
