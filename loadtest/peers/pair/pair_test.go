package pair

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/echo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app serves until the test ends.
func app(t *testing.T) netip.AddrPort {
	t.Helper()
	a, err := echo.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error)
	go func() { ended <- a.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a.Address()
}

// drives sends some requests through a pair, which must answer them all.
func drives(t *testing.T, r *Running) uint64 {
	t.Helper()
	res, err := drive.Run(t.Context(), drive.Plan{
		Address: r.Address, Host: Host, Connections: 4, Rate: 200, For: 200 * time.Millisecond, Body: 16 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Answered != 40 || res.Failed() != 0 {
		t.Errorf("%+v, want 40 answered", res)
	}
	return uint64(res.Answered)
}

func TestDirect(t *testing.T) {
	r := Direct(app(t), false)
	drives(t, r)
	a, err := r.Account(t.Context())
	if err != nil || a.Rows != 0 {
		t.Errorf("account %+v, %v; want nothing", a, err)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
}

// program is the path of a program of Debian's, or of one on the path.
func program(t *testing.T, name string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	debian := "/usr/sbin/" + name
	if _, err := os.Stat(debian); err != nil {
		t.Skip("no " + name + " here: run `make tools`")
	}
	return debian
}

func TestPeersCarryRequestsAndAccountForThem(t *testing.T) {
	for _, k := range []Kind{Nginx, HAProxy} {
		t.Run(k.Name, func(t *testing.T) {
			carries(t, Peer{Kind: k, Path: program(t, k.Name), Dir: filepath.Join(t.TempDir(), "pair"), App: app(t), Log: t.Output()})
		})
	}
}

func carries(t *testing.T, n Peer) {
	r, err := n.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if len(r.Processes) != 2 {
		t.Errorf("%d processes, want two", len(r.Processes))
	}
	sent := drives(t, r)
	a, err := r.Account(t.Context())
	if err != nil || a.Rows < 2*sent {
		t.Errorf("account %+v, %v; want two rows for each of %d requests", a, err, sent)
	}
	if again, err := n.Start(t.Context()); err == nil {
		t.Error("a second pair in the same directory starts")
		_ = again.Stop()
	}
}

func TestHAProxyCarriesCalls(t *testing.T) {
	l, err := echo.ListenGRPC()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { ended <- l.Serve(ctx) }()
	p := Peer{
		Kind: HAProxyHTTP2, Path: program(t, "haproxy"), Dir: filepath.Join(t.TempDir(), "pair"),
		App: l.Address(), Log: t.Output(),
	}
	r, err := p.Start(t.Context()) // which has a call answered
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNginxThatIsNone(t *testing.T) {
	n := Peer{Kind: Nginx, Path: "/nonexistent/nginx", Dir: filepath.Join(t.TempDir(), "pair"), App: app(t), Log: t.Output()}
	if _, err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "start nginx") {
		t.Errorf("Start = %v", err)
	}
}

func TestRender(t *testing.T) {
	s := side{
		Dir: "/d", Listen: netip.MustParseAddrPort("127.0.0.1:1"), Next: netip.MustParseAddrPort("127.0.0.1:2"),
		Own: leafFiles{Certificate: "/own.pem", Key: "/own.key"}, Root: "/root.pem", Peer: "echo.peers.test",
	}
	for name, c := range map[string]struct {
		inner     bool
		has, lack []string
	}{
		"caller's side": {
			false,
			[]string{"proxy_ssl_verify on;", "proxy_ssl_name echo.peers.test;", "listen 127.0.0.1:1 reuseport", "server 127.0.0.1:2;", "access_log /d/access.log"},
			[]string{"ssl_verify_client", "user "},
		},
		"app's side": {
			true,
			[]string{"ssl_verify_client on;", "ssl_protocols TLSv1.3;", "listen 127.0.0.1:1 ssl"},
			[]string{"proxy_ssl"},
		},
	} {
		s.Inner = c.inner
		b, err := s.render(nginxConf)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.has {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s: no %q in\n%s", name, want, b)
			}
		}
		for _, not := range c.lack {
			if strings.Contains(string(b), not) {
				t.Errorf("%s: %q in\n%s", name, not, b)
			}
		}
	}
}

func TestStrangersAreNoticed(t *testing.T) {
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	quiet := log.New(io.Discard, "", 0)
	plain := httptest.NewServer(answer)
	defer plain.Close()
	open := httptest.NewUnstartedServer(answer)
	open.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	open.Config.ErrorLog = quiet
	open.StartTLS()
	defer open.Close()
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	old.Config.ErrorLog = quiet
	old.StartTLS()
	defer old.Close()
	strict := httptest.NewUnstartedServer(answer)
	strict.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}
	strict.Config.ErrorLog = quiet
	strict.StartTLS()
	defer strict.Close()
	for want, s := range map[string]*httptest.Server{
		"plain text": plain, "no certificate": open, "TLS 1.2": old, "": strict,
	} {
		err := refusesStrangers(t.Context(), netip.MustParseAddrPort(s.Listener.Addr().String()))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("refusesStrangers = %v, want %q", err, want)
		}
	}
}

func TestEnvironmentIsBare(t *testing.T) {
	t.Setenv("GOGC", "50")
	t.Setenv("SIGHTLINE_SERVICE", "other")
	for _, v := range environment("SIGHTLINE_TOKEN=x") {
		if strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "SIGHTLINE_SERVICE=") {
			t.Errorf("%q is handed on", v)
		}
	}
}
