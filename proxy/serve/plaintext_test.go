package serve

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
)

// outsider is a client without a sidecar, which calls an instance's.
func outsider(t *testing.T, s *sidecar, http2 bool) *http.Client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.addr.String())
	}}
	tr.Protocols.SetHTTP1(!http2)
	tr.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestPlaintextBesideMutualTLS(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	anyPrincipal := mesh.Authorization{Name: "default/a", Action: mesh.Allow, Rules: []mesh.AuthorizationRule{
		{From: []mesh.Source{{Principals: []string{"*"}}}},
		{To: []mesh.Operation{{Paths: []string{"/open"}}}},
	}}
	side.guard.Store(&Guard{MTLS: Permissive, Authorize: guardWith(t, anyPrincipal).Authorize})
	n := 0
	for _, tt := range []struct {
		name   string
		client *http.Client
		path   string
		status int
		mtls   bool
		who    string
	}{
		{"mTLS, HTTP/1.1", m.client(t), "/", 200, true, "productpage"},
		{"mTLS, HTTP/2", m.client2(t), "/", 200, true, "productpage"},
		{"plaintext, HTTP/1.1", outsider(t, side, false), "/open", 200, false, ""},
		{"plaintext, HTTP/2", outsider(t, side, true), "/open", 200, false, ""},
		{"plaintext, HTTP/1.1, denied", outsider(t, side, false), "/", 403, false, ""},
		{"plaintext, HTTP/2, denied", outsider(t, side, true), "/", 403, false, ""},
	} {
		get(t, tt.client, "http://reviews"+tt.path, tt.status)
		rec := side.records.await(t, n)
		n++
		if rec.MTLS != tt.mtls || rec.Peer.Service != tt.who || (rec.Peer.Identity != "") != tt.mtls || rec.Status != tt.status {
			t.Errorf("%s: told as %+v", tt.name, rec)
		}
	}
	if got := side.in.Plaintext(); got != 4 {
		t.Errorf("%d plaintext connections are counted", got)
	}
}

func TestPlaintextStreams(t *testing.T) {
	for name, tt := range map[string]struct {
		mode     MTLS
		protocol mesh.AppProtocol
	}{
		"PERMISSIVE, told": {Permissive, mesh.TCP}, "DISABLE, told": {Disable, mesh.TCP}, "PERMISSIVE, by looking": {Permissive, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{protocol: tt.protocol}, greeter("db"))
			side := m.sidecars[0]
			side.guard.Store(&Guard{MTLS: tt.mode, Authorize: &authorize.Policies{}})
			if got := talk(t, dialTCP(t, side.addr.String())); got != "220 db\r\nQUIT" {
				t.Errorf("got %q", got)
			}
			if rec := side.records.await(t, 0); rec.MTLS || rec.Protocol != "tcp" || rec.BytesIn != 4 || rec.Peer.Identity != "" {
				t.Errorf("told as %+v", rec)
			}
			side.guard.Store(&Guard{MTLS: tt.mode, Authorize: guardWith(t, mesh.Authorization{
				Name: "default/a", Action: mesh.Allow, Rules: []mesh.AuthorizationRule{{From: []mesh.Source{{Principals: []string{"*"}}}}},
			}).Authorize})
			wantReset(t, side.addr.String())
		})
	}
}

// TestTLSOfTheAppsOwn: where plaintext is taken, TLS that is not the mesh's goes through
// to an app that speaks it.
func TestTLSOfTheAppsOwn(t *testing.T) {
	certificate := newAuthority(t).config(t, "shop.example")
	certificate.ClientAuth, certificate.NextProtos = tls.NoClientCert, nil
	for name, mode := range map[string]MTLS{"PERMISSIVE": Permissive, "DISABLE": Disable} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{}, app{listen: func(l net.Listener) {
				c, err := tls.NewListener(l, certificate).Accept()
				if err != nil {
					return
				}
				defer c.Close()
				io.Copy(c, c) //nolint:errcheck // the client says when it is over
			}})
			side := m.sidecars[0]
			side.guard.Store(&Guard{MTLS: mode})
			c, err := tls.Dial("tcp", side.addr.String(), &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if names := c.ConnectionState().PeerCertificates[0].DNSNames; len(names) == 0 || names[0] != "shop.example" {
				t.Errorf("the certificate is of %v, not of the app", names)
			}
		})
	}
}

func TestPlaintextEndsWhenItIsForbidden(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	side.guard.Store(&Guard{MTLS: Permissive})
	idle, busy := dialTCP(t, side.addr.String()), dialTCP(t, side.addr.String())
	for _, c := range []net.Conn{idle, busy} {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	side.guard.Store(&Guard{MTLS: Strict})
	io.WriteString(busy, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n") //nolint:errcheck // it may be closed already
	if rest, _ := io.ReadAll(busy); len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 403") {
		t.Errorf("a request on a kept connection: %q", rest)
	}
	if rest, err := io.ReadAll(idle); len(rest) > 0 || err != nil {
		t.Errorf("an idle connection: %q, %v; want its end", rest, err)
	}
	get(t, m.client(t), "http://reviews/", 200)
}

// upgrader is an app that speaks bytes after an upgrade, and echoes a body as it comes.
func upgrader() app {
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.Header.Get("Upgrade") != "" {
			c, _, err := control.Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n") //nolint:errcheck // the copy tells
			io.Copy(c, c)                                                                                              //nolint:errcheck // the client says when it is over
			return
		}
		control.EnableFullDuplex() //nolint:errcheck // HTTP/2 is so in any case
		control.Flush()
		for b := make([]byte, 10); ; {
			n, err := r.Body.Read(b)
			if err != nil {
				return
			}
			w.Write(b[:n]) //nolint:errcheck // the read tells
			control.Flush()
		}
	})}
}

// lasting opens what lasts on a connection without mutual TLS: bytes written to it come
// back.
func lasting(t *testing.T, s *sidecar, protocol string) io.ReadWriter {
	t.Helper()
	switch protocol {
	case "TCP":
		return dialTCP(t, s.addr.String())
	case "WebSocket":
		c := dialTCP(t, s.addr.String())
		send(t, c, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
		r := bufio.NewReader(c)
		res, err := http.ReadResponse(r, nil) //nolint:bodyclose // what follows is none
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", res, err)
		}
		return struct {
			io.Reader
			io.Writer
		}{r, c}
	}
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://reviews/", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	res, err := outsider(t, s, true).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close(); out.Close() })
	return struct {
		io.Reader
		io.Writer
	}{res.Body, out}
}

// What lasts ends too, when its time to drain is over.
func TestPlaintextThatLastsEndsWhenItIsForbidden(t *testing.T) {
	const drain = 300 * time.Millisecond
	echoing := app{listen: func(l net.Listener) {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c) //nolint:errcheck // the client says when it is over
	}}
	for protocol, behind := range map[string]app{"TCP": echoing, "WebSocket": upgrader(), "gRPC": upgrader()} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cfg := meshConfig{drain: drain}
			if protocol == "TCP" {
				cfg.protocol = mesh.TCP
			}
			m := newMesh(t, cfg, behind)
			side := m.sidecars[0]
			side.guard.Store(&Guard{MTLS: Permissive, Authorize: &authorize.Policies{}})
			c := lasting(t, side, protocol)
			echo := func() error {
				if _, err := io.WriteString(c, "x"); err != nil {
					return err
				}
				_, err := io.ReadFull(c, make([]byte, 1))
				return err
			}
			if err := echo(); err != nil {
				t.Fatal(err)
			}
			forbidden := time.Now()
			side.guard.Store(&Guard{MTLS: Strict, Authorize: &authorize.Policies{}})
			ended := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(c, make([]byte, 1))
				ended <- err
			}()
			select {
			case err := <-ended:
				if err == nil || time.Since(forbidden) < drain {
					t.Errorf("after %v: %v, want its end after %v", time.Since(forbidden), err, drain)
				}
			case <-time.After(8 * time.Second):
				t.Error("it goes on")
			}
		})
	}
}

func TestCallsWithoutMutualTLS(t *testing.T) {
	m := newMesh(t, meshConfig{policy: mesh.Policy{MTLS: mesh.Disable}}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	side.guard.Store(&Guard{MTLS: Permissive})
	for n, client := range []*http.Client{m.client(t), m.client2(t)} {
		get(t, client, "http://reviews/", 200)
		in, out := side.records.await(t, n), m.records.await(t, n)
		if in.MTLS || out.MTLS || out.Peer.Identity != "" || out.Peer.Service != "reviews" {
			t.Errorf("told as %+v and %+v", in, out)
		}
	}
	side.guard.Store(guardWith(t, deny(mesh.AuthorizationRule{})))
	res, err := m.client(t).Get("http://reviews/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a workload that takes no plaintext any more: %d", res.StatusCode)
	}
}

// TestCallersFollowWhatAnInstanceTakes: the same instance is called with mutual TLS, and
// without once it is pushed so, on new connections.
func TestCallersFollowWhatAnInstanceTakes(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(ok)})
	side := m.sidecars[0]
	side.guard.Store(&Guard{MTLS: Permissive})
	client := m.client(t)
	asked := 0
	ask := func(want bool) {
		t.Helper()
		get(t, client, "http://reviews/", 200)
		if rec := side.records.await(t, asked); rec.MTLS != want {
			t.Errorf("request %d: mutual TLS %v, want %v", asked, rec.MTLS, want)
		}
		asked++
	}
	ask(true)
	snap := m.snap
	snap.Instances = append([]mesh.Instance(nil), snap.Instances...)
	snap.Instances[0].Plaintext = true
	m.set.Update([]mesh.Snapshot{snap})
	ask(false)
	snap.Policy.MTLS = mesh.Mutual // a rule has the last word
	m.set.Update([]mesh.Snapshot{snap})
	ask(true)
}

func TestStreamsToAnInstanceWithoutMutualTLS(t *testing.T) {
	m := newMesh(t, meshConfig{protocol: mesh.TCP, policy: mesh.Policy{MTLS: mesh.Disable}}, greeter("db"))
	m.sidecars[0].guard.Store(&Guard{MTLS: Disable})
	addr := m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
	began := time.Now()
	if got := talk(t, dialTCP(t, addr)); got != "220 db\r\nQUIT" {
		t.Errorf("got %q", got)
	}
	if in, out := m.sidecars[0].records.await(t, 0), m.records.await(t, 0); in.MTLS || out.MTLS || out.Flags != "" {
		t.Errorf("told as %+v and %+v after %v", in, out, time.Since(began))
	}
}
