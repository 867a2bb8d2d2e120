package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const outside = "api.example.com"

// stranger is an HTTPS server that is no part of the mesh, and a file of who vouches for it.
func stranger(t *testing.T) (at netip.AddrPort, authorities string) {
	t.Helper()
	a := newAuthority(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.TLS.ServerName+" "+r.Host)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.forHosts(outside, "www.example.com")}, MinVersion: tls.VersionTLS12}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String()), a.rootFile()
}

// originated is a host outside: what is asked for at port 80 goes to another port by TLS.
func originated(at netip.AddrPort, how *mesh.ClientTLS) mesh.Snapshot {
	secure := mesh.Port{Number: at.Port(), Name: "https", Protocol: mesh.TLS}
	web := mesh.Port{Number: 80, Name: "http", Protocol: mesh.HTTP}
	return mesh.Snapshot{
		Service: outside, Version: 1, Known: true,
		Ports: []mesh.ServicePort{{Port: web}, {Port: secure, Group: secure.Number}},
		Routes: []mesh.Route{{
			Matches:      []mesh.Match{{Port: 80}},
			Destinations: []mesh.Destination{{Service: outside, Port: secure.Number, Weight: 1}},
		}},
		PortPolicies: []mesh.PortPolicy{{Port: secure.Number, Policy: mesh.Policy{MTLS: mesh.Simple, TLS: how}}},
		Instances: []mesh.Instance{{
			ID: "a", Service: outside, Address: netip.AddrPortFrom(at.Addr(), 80), State: mesh.Ready, Plaintext: true,
			AppProtocol: mesh.HTTP, AppPort: 80, Ports: []mesh.Port{web, secure},
		}},
	}
}

// TestTLSToAHostOutside: the app asks in plaintext, the sidecar speaks TLS, and makes sure
// of who answers as the rule says.
func TestTLSToAHostOutside(t *testing.T) {
	m := newMesh(t)
	at, authorities := stranger(t)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, c := range map[string]struct {
		how    *mesh.ClientTLS
		status int
		says   string // in the body, or in the reason
	}{
		"a host that is who it says":   {&mesh.ClientTLS{Authorities: authorities}, 200, "HTTP/1.1 api.example.com api.example.com"},
		"another name of the host":     {&mesh.ClientTLS{Authorities: authorities, ServerName: "www.example.com"}, 200, "HTTP/1.1 www.example.com api.example.com"},
		"a name that it has not":       {&mesh.ClientTLS{Authorities: authorities, ServerName: "b.example.com"}, 503, "b.example.com"},
		"one of several names":         {&mesh.ClientTLS{Authorities: authorities, Names: []string{"x", "www.example.com"}}, 200, "HTTP/1.1 api.example.com"},
		"none of the names":            {&mesh.ClientTLS{Authorities: authorities, Names: []string{"x"}}, 503, "it is not for x (it is for api.example.com, www.example.com"},
		"names of who is not vouched":  {&mesh.ClientTLS{Names: []string{outside}}, 503, "unknown authority"},
		"nobody here vouches for it":   {nil, 503, "unknown authority"},
		"whoever it may be":            {&mesh.ClientTLS{Unverified: true}, 200, "HTTP/1.1 api.example.com"},
		"a file that is not there yet": {&mesh.ClientTLS{Authorities: missing}, 503, "caCertificates: open "},
	} {
		t.Run(name, func(t *testing.T) {
			m.apply(originated(at, c.how))
			status, body, header := m.get("http://" + outside + "/")
			if said := body + header.Get("X-Sightline-Reason"); status != c.status || !strings.Contains(said, c.says) {
				t.Errorf("%d %q, want %d %q", status, said, c.status, c.says)
			}
		})
	}
}

// TestAnAppsOwnTLSIsNotEncryptedTwice where a rule asks for TLS.
func TestAnAppsOwnTLSIsNotEncryptedTwice(t *testing.T) {
	m := newMesh(t)
	at, authorities := stranger(t)
	m.apply(originated(at, &mesh.ClientTLS{Authorities: authorities}))
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(authorities)
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		t.Fatal(err)
	}
	tr := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: m.web.l.outbound.Addr().String()}),
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}
	m.client = &http.Client{Transport: tr, Timeout: time.Minute}
	if status, body, _ := m.get("https://" + outside + ":" + at.String()[strings.LastIndex(at.String(), ":")+1:] + "/"); status != 200 || !strings.HasPrefix(body, "HTTP/1.1 "+outside) {
		t.Errorf("%d %q", status, body)
	}
}

// TestHTTP2ToAHostOutside by TLS, which a client of HTTP/2 needs to be HTTP/2 there too.
func TestHTTP2ToAHostOutside(t *testing.T) {
	m := newMesh(t)
	at, authorities := stranger(t)
	m.apply(originated(at, &mesh.ClientTLS{Authorities: authorities}))
	res, err := m.h2().Get("http://" + outside + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || string(body) != "HTTP/2.0 "+outside+" "+outside {
		t.Errorf("%d %q %v", res.StatusCode, body, err)
	}
}
