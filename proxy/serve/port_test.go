package serve

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/authorize"
	"github.com/sightline-mesh/sightline/proxy/gather"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/stream"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// ported is a mesh with one instance whose app speaks HTTP on its first port, HTTP on
// "admin" and echoes bytes on "tcp-echo".
type ported struct {
	*testMesh
	first, admin, echo uint16
}

func newPorted(t *testing.T) *ported {
	t.Helper()
	m := &ported{testMesh: &testMesh{authority: newAuthority(t), records: &records{}}}
	names := func(name string) app {
		return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, name+" as "+r.Host) //nolint:errcheck // the client checks
		})}
	}
	cfg := InboundConfig{Apps: []App{
		{Address: startApp(t, names("first"))},
		{Address: startApp(t, names("admin"))},
		{Address: startApp(t, app{listen: parrot}), Protocol: mesh.TCP},
	}}
	numbers := make([]uint16, len(cfg.Apps))
	for i, a := range cfg.Apps {
		numbers[i] = netip.MustParseAddrPort(a.Address).Port()
	}
	m.first, m.admin, m.echo = numbers[0], numbers[1], numbers[2]
	s := startSidecar(t, m.authority, cfg)
	m.sidecars = append(m.sidecars, s)
	ports := []mesh.Port{{Number: m.first}, {Number: m.admin, Name: "admin"}, {Number: m.echo, Name: "tcp-echo", Protocol: mesh.TCP}}
	m.start(t, meshConfig{}, mesh.Snapshot{
		Service: "reviews", Known: true,
		Ports: []mesh.ServicePort{{Port: ports[0]}, {Port: ports[1], Group: m.admin}, {Port: ports[2], Group: m.echo}},
		Instances: []mesh.Instance{{
			ID: "reviews-1", Service: "reviews", Identity: reviewsIdentity, Version: "v1", Address: s.addr, State: mesh.Ready, AppPort: m.first, Ports: ports,
		}},
	})
	client := m.authority.config(t, "productpage")
	client.InsecureSkipVerify = true // its name is not the server's, as between sidecars
	m.out.deps.Dial = func(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error) {
		c := client.Clone()
		c.ServerName, c.NextProtos = ServerName(to.Port, to.Info.Service), []string{alpn, stream.Mesh}
		return gather.DialTLS(ctx, new(net.Dialer), to.Info.Address.String(), c)
	}
	return m
}

// parrot sends every line back.
func parrot(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for r := bufio.NewReader(c); ; {
				line, err := r.ReadString('\n')
				if _, bad := io.WriteString(c, line); err != nil || bad != nil {
					return
				}
			}
		}()
	}
}

func (*ported) host(port uint16) string { return "reviews:" + strconv.Itoa(int(port)) }

func (*ported) ask(t *testing.T, c *http.Client, host string) said {
	t.Helper()
	r := request(t, "GET", "/", nil)
	r.Host = host
	res, body := do(t, c, r)
	return said{res.Status, body, res.Header.Get("X-Sightline-Reason"), res.Header.Get("X-Sightline-Flags")}
}

type said struct {
	status              int
	body, reason, flags string
}

func TestAuthorityChoosesThePort(t *testing.T) {
	m := newPorted(t)
	for name, c := range map[string]*http.Client{"HTTP/1.1": m.client(t), "HTTP/2": m.client2(t)} {
		for host, want := range map[string]string{
			"reviews": "first", "reviews:80": "first", m.host(m.first): "first", m.host(m.admin): "admin",
		} {
			for range 2 { // on a new connection, and on one that is kept
				if got := m.ask(t, c, host); got.status != 200 || got.body != want+" as "+host {
					t.Errorf("%s, %s: %+v, want an answer of %s", name, host, got, want)
				}
			}
		}
	}
	got := m.ask(t, m.client(t), "reviews:81")
	if got.status != 404 || got.flags != "NR" || !strings.Contains(got.reason, "unknown port: 81 of reviews, which has") || !strings.Contains(got.reason, "(admin)") {
		t.Errorf("port 81: %+v, want a 404 that names the ports there are", got)
	}
}

func TestPortIsToldOnBothSides(t *testing.T) {
	m := newPorted(t)
	m.ask(t, m.client(t), m.host(m.admin))
	out, in := m.records.await(t, 0), m.sidecars[0].records.await(t, 0)
	if out.Port != m.admin || in.Port != m.admin {
		t.Errorf("ports %d and %d, want %d", out.Port, in.Port, m.admin)
	}
}

func TestListenerForOnePort(t *testing.T) {
	m := newPorted(t)
	c := dialTCP(t, m.fixed(t, Port{Service: "reviews", Number: m.echo}))
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "hello\n" {
		t.Errorf("answer %q, %v", line, err)
	}
	addr := m.fixed(t, Port{Service: "reviews", Number: m.admin})
	res, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.HasPrefix(string(body), "admin") {
		t.Errorf("answer %q, want one of admin", body)
	}
}

// A caller that has not heard yet of what an instance is now, and asks for a port that is
// gone, is told so and goes on elsewhere.
func TestPortThatIsGone(t *testing.T) {
	m := newPorted(t)
	m.snap.Ports = append(m.snap.Ports, mesh.ServicePort{Port: mesh.Port{Number: 1}, Group: 1})
	m.snap.Instances[0].Ports = append(m.snap.Instances[0].Ports, mesh.Port{Number: 1})
	var err error
	if m.table, err = route.Compile([]mesh.Snapshot{m.snap}); err != nil {
		t.Fatal(err)
	}
	m.set.Update([]mesh.Snapshot{m.snap})
	got := m.ask(t, m.client(t), "reviews:1")
	if got.status != 503 || got.flags != "UF,URX" && got.flags != "UF" || !strings.Contains(got.reason, "the app has no port 1") {
		t.Errorf("%+v, want UF with the reason", got)
	}
	if n := len(m.records.await(t, 0).Tries); n < 2 {
		t.Errorf("%d tries; nothing was sent, so it may be tried again", n)
	}
}

func TestPolicyByPort(t *testing.T) {
	m := newPorted(t)
	policies, err := authorize.Compile([]mesh.Authorization{{
		Name: "shop/no-admin", Action: mesh.Deny,
		Rules: []mesh.AuthorizationRule{{To: []mesh.Operation{{Ports: []string{strconv.Itoa(int(m.admin)), strconv.Itoa(int(m.echo))}}}}},
	}}, "mesh.local")
	if err != nil {
		t.Fatal(err)
	}
	m.sidecars[0].guard.Store(&Guard{Authorize: policies})
	c := m.client(t)
	if got := m.ask(t, c, "reviews"); got.status != 200 {
		t.Errorf("first port: %+v", got)
	}
	if got := m.ask(t, c, m.host(m.admin)); got.status != 403 || !strings.Contains(got.reason, "shop/no-admin") {
		t.Errorf("admin: %+v, want a denial", got)
	}
	nc := dialTCP(t, m.fixed(t, Port{Service: "reviews", Number: m.echo}))
	io.WriteString(nc, "hello\n") //nolint:errcheck // it may be refused by then
	if b, _ := io.ReadAll(nc); len(b) > 0 {
		t.Errorf("echo answers %q in spite of the policy", b)
	}
}
