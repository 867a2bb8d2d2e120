package controlplane

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
)

// echo answers each line with itself over mutual TLS and tells who the caller is.
func echo(t *testing.T, src *identity.Source) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", src.ServerTLS("echo"))
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

// say dials, says a line and wants it back.
func say(ctx context.Context, address string, config *tls.Config) (tls.ConnectionState, error) {
	d := tls.Dialer{Config: config}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return tls.ConnectionState{}, err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "hello\n" {
		err = errors.New("got " + line)
	}
	return c.(*tls.Conn).ConnectionState(), err
}

func TestCertificatesAreRenewedUnderLoad(t *testing.T) {
	t.Parallel()
	const life = 9 * time.Second
	p := newPlant(t, func(c *Config) { c.CertificateTTL = life })
	token := p.token(p.admin())
	server := p.join(token, workload("reviews", "v1", "reviews-1"), "")
	client := p.join(token, workload("web", "", "web-1"), "")
	address := echo(t, server)

	first, handshakes := client.Expires(), 0
	for client.Expires().Before(first.Add(life)) {
		cs, err := say(t.Context(), address, client.ClientTLS(server.Self().Identity, "echo"))
		if err != nil {
			t.Fatalf("handshake %d, with a certificate good until %s: %v", handshakes, client.Expires(), err)
		}
		handshakes++
		peer, err := identity.PeerOf(cs)
		if err != nil || peer != server.Self() {
			t.Fatalf("peer is %+v, %v, want %+v", peer, err, server.Self())
		}
	}
	t.Logf("%d handshakes while certificates were replaced", handshakes)
	d := tls.Dialer{Config: client.ClientTLS(client.ControlPlane(), "h2")}
	c, err := d.DialContext(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatalf("control plane with a certificate that was replaced as well: %v", err)
	}
	_ = c.Close()
}

func TestExpiredWorkloadEnrolsAnew(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(c *Config) { c.CertificateTTL = 2 * time.Second })
	web := p.join(p.token(p.admin()), workload("web", "v1", "web-1"), "")
	p.stop()
	eventually(t, "end of the certificate", func() bool { return time.Now().After(web.Expires()) })
	p.start(nil)
	eventually(t, "new certificate", func() bool { return time.Now().Before(web.Expires()) })
	c := push.New(push.Config{
		ControlPlane: p.address,
		TLS:          web.ClientTLS(web.ControlPlane(), "h2"),
		Instance:     mesh.Instance{Address: netip.MustParseAddrPort("127.0.0.1:15006")},
	}, func([]mesh.Snapshot) error { return nil })
	background(t, c.Run)
	eventually(t, "stream with the new certificate", func() bool { return c.Status().Connected })
}

func TestHandshakesThatAreRefused(t *testing.T) {
	t.Parallel()
	p, stranger := newPlant(t), newPlant(t, func(c *Config) { c.TrustDomain = "evil.local" })
	namesake := newPlant(t) // the same trust domain by name, another root
	token := p.token(p.admin())
	server := p.join(token, workload("reviews", "v1", "reviews-1"), "")
	good := p.join(token, workload("web", "v1", "web-1"), "")
	address := echo(t, server)
	foreign := stranger.join(stranger.token(stranger.admin()), workload("web", "v1", "web-1"), "")
	twin := namesake.join(namesake.token(namesake.admin()), workload("web", "v1", "web-1"), "")

	anyServer := func(src *identity.Source) *tls.Config {
		c := src.ClientTLS(server.Self().Identity, "echo")
		c.VerifyConnection = nil // so that only the server's side can refuse
		return c
	}
	for name, config := range map[string]*tls.Config{
		"no certificate":                {InsecureSkipVerify: true, NextProtos: []string{"echo"}},
		"another trust domain":          anyServer(foreign),
		"another root of the same name": anyServer(twin),
		"server of another identity":    good.ClientTLS("spiffe://mesh.local/ns/default/sa/payments", "echo"),
		"server of a foreign root":      twin.ClientTLS(server.Self().Identity, "echo"),
		"TLS 1.2":                       {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12},
	} {
		if _, err := say(t.Context(), address, config); err == nil {
			t.Errorf("%s: the handshake went through", name)
		}
	}
	if _, err := say(t.Context(), address, good.ClientTLS(server.Self().Identity, "echo")); err != nil {
		t.Errorf("a good client: %v", err)
	}
	refusedByControlPlane(t, p, map[string]*admin.Client{
		"a stranger": admin.NewClient(p.address, func() *tls.Config {
			c := foreign.ClientTLS("", "h2")
			c.VerifyConnection = nil
			return c
		}()),
		"a sidecar":      admin.NewClient(p.address, good.ClientTLS(good.ControlPlane())),
		"no certificate": admin.NewClient(p.address, &tls.Config{InsecureSkipVerify: true}),
	})
}

func refusedByControlPlane(t *testing.T, p *plant, clients map[string]*admin.Client) {
	t.Helper()
	for name, c := range clients {
		if _, err := c.CreateToken(t.Context(), admin.TokenRequest{}); err == nil {
			t.Errorf("the admin API made a token for %s", name)
		}
		c.Close()
	}
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /admin/v1/proxies HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(c); strings.Contains(string(answer), "200 OK") {
		t.Errorf("plaintext was answered: %s", answer)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	p, other := newPlant(t), newPlant(t)
	c := p.admin()
	make := func(r admin.TokenRequest) string {
		t.Helper()
		token, err := c.CreateToken(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	usedUp := make(admin.TokenRequest{Uses: 1})
	p.join(usedUp, workload("web", "v1", "web-1"), "")
	expired := make(admin.TokenRequest{TTL: time.Nanosecond})
	reviewsOnly := make(admin.TokenRequest{Service: "reviews"})
	unknown := []byte(make(admin.TokenRequest{}))
	unknown[5] = '0' + (unknown[5]&1 ^ 1)
	forged := []byte(make(admin.TokenRequest{}))
	forged[20] = '0' + (forged[20]&1 ^ 1) // another hex digit of the secret: not itself, as its last bit differs

	for name, test := range map[string]struct {
		token string
		w     identity.Workload
		want  string
	}{
		"used up":              {usedUp, workload("web", "v1", "web-2"), "used up"},
		"expired":              {expired, workload("web", "v1", "web-2"), "expired"},
		"another service":      {reviewsOnly, workload("web", "v1", "web-2"), `for service "reviews"`},
		"another account":      {reviewsOnly, identity.Workload{Service: "reviews", Account: "admin", Instance: "r-1"}, `account`},
		"system namespace":     {make(admin.TokenRequest{}), identity.Workload{Service: "ui", Namespace: "sightline", Instance: "u-1"}, "made for it"},
		"wrong namespace":      {p.systemToken(), workload("web", "v1", "web-2"), `for namespace "sightline"`},
		"another root":         {other.systemToken(), workload("web", "v1", "web-2"), "another root"},
		"the control plane":    {p.systemToken(), identity.ControlPlaneWorkload("cp-2"), "control plane's own"},
		"not a token":          {"slt_1_2_3", workload("web", "v1", "web-2"), "not a join token"},
		"wrong secret":         {string(forged), workload("web", "v1", "web-2"), "refused"},
		"unknown":              {string(unknown), workload("web", "v1", "web-2"), "there is no such token"},
		"none":                 {"", workload("web", "v1", "web-2"), "no join token"},
		"a name that is none":  {p.systemToken(), workload("we.b", "v1", "web-2"), `service "we.b"`},
		"a token for a mesh's": {p.systemToken(), identity.Workload{Service: "web", Namespace: "sight_line", Instance: "w"}, "namespace"},
	} {
		_, err := identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: test.token, Workload: test.w})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, test.want)
		}
		if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: the error repeats the token: %v", name, err)
		}
	}
}

func TestIdentityIsTakenFromDisk(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token, err := c.CreateToken(t.Context(), admin.TokenRequest{Uses: 2})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "identity")
	w := workload("web", "v1", "web-1")
	first := p.join(token, w, dir)
	for _, name := range []string{"identity.pem", "roots.pem"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info, err)
		}
	}
	open := func(token string, w identity.Workload) (*identity.Source, error) {
		return identity.Open(t.Context(), identity.Config{ControlPlane: p.address, Token: token, Dir: dir, Workload: w})
	}
	again, err := open("", w)
	if err != nil || !again.Expires().Equal(first.Expires()) || again.Self() != first.Self() {
		t.Errorf("from disk: %v, want the certificate of before", err)
	}
	if _, err = open("", workload("web", "v2", "web-1")); err == nil {
		t.Error("another version got the certificate on disk")
	}
	if _, err = open(token, workload("web", "v2", "web-1")); err != nil { // the second use
		t.Errorf("another version with a token: %v", err)
	}
	if _, err = open("", w); err == nil {
		t.Error("the certificate on disk was not replaced")
	}
	if err := os.WriteFile(filepath.Join(dir, "identity.pem"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = open(p.token(c), w); err != nil {
		t.Errorf("with a broken file and a token: %v", err)
	}
	if _, err = open(newPlant(t).systemToken(), w); err == nil {
		t.Error("a token of another mesh was served by the certificate on disk")
	}
}

func TestWorkloadsOfOneInstanceIDAreKeptApart(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "one"), "web")
	web.until(t, "arrival of web", "web", instances(1))
	p.sidecar(token, workload("thief", "v1", "one"), "web")
	proxies, err := c.Proxies(t.Context())
	if err != nil || len(proxies) != 1 || proxies[0].Instance.Service != mesh.ServiceName("web") {
		t.Errorf("instance %+v, %v, want that of web", proxies, err)
	}
}
