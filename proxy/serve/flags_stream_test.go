package serve

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/listen"
)

// streamCase is a fault that really happens to a stream of bytes.
type streamCase struct {
	name    string
	cfg     meshConfig
	app     app
	arrange func(t *testing.T, m *testMesh)
	port    func(t *testing.T, m *testMesh) (addr string) // nil is one of the service
	drains  bool                                          // that port, once the stream is open
	speak   func(t *testing.T, c *net.TCPConn)            // nil waits for the end
	out, in string                                        // flags; in "-" for a stream that does not come so far
	reason  string
}

// openStream reads what greeter says.
func openStream(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
		t.Errorf("greeting: %v", err)
	}
}

func streamFlags() []streamCase {
	limited := func(l mesh.Limits) meshConfig { return meshConfig{policy: mesh.Policy{Limits: l}} }
	stays := func(t *testing.T, c *net.TCPConn) { openStream(t, c); copyTo(io.Discard, c) }
	return []streamCase{
		{name: "unknown service", port: func(t *testing.T, m *testMesh) string {
			return m.fixed(t, Port{Service: "nobody", Protocol: mesh.TCP})
		}, out: "NR", in: "-", reason: "nobody"},
		{name: "outside the mesh", port: redirected, out: "NR", in: "-", reason: "not in the mesh"},
		{name: "its own connection", port: cameBack, out: "NR", in: "-", reason: "own connection was intercepted"},
		{name: "no instance", arrange: becomes(mesh.Snapshot{}), out: "UH", in: "-", reason: "no instance"},
		{name: "app that is down", app: app{listen: func(l net.Listener) { l.Close() }}, out: "UF,URX", in: "UF", reason: "connection refused"},
		{name: "sidecar that is gone", arrange: func(_ *testing.T, m *testMesh) { m.sidecars[0].stop() }, out: "UF,URX", in: "-", reason: "connection refused"},
		{name: "denied", arrange: func(t *testing.T, m *testMesh) {
			m.sidecars[0].guard.Store(guardWith(t, deny(mesh.AuthorizationRule{})))
		}, out: "UAEX", in: "UAEX", reason: "RBAC: access denied"},
		{name: "too many connections", cfg: limited(mesh.Limits{Connections: 1}), arrange: func(t *testing.T, m *testMesh) {
			openStream(t, dialTCP(t, m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})))
		}, out: "UO", in: "-", reason: "maxConnections"},
		{name: "idle", cfg: limited(mesh.Limits{StreamIdle: 2 * time.Second}), speak: stays, out: "SI", in: "LR|DC|UC", reason: "idle for too long"},
		{name: "old", cfg: limited(mesh.Limits{ConnectionAge: 2 * time.Second}), speak: stays, out: "DT", in: "LR|DC|UC", reason: "maxConnectionDuration"},
		{name: "drain", cfg: meshConfig{drain: 100 * time.Millisecond}, drains: true, out: "LR", in: "LR|DC|UC", reason: "time to drain is over"},
		{name: "app that resets", app: tcpApp(func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 1))
			_ = c.SetLinger(0)
		}), speak: func(t *testing.T, c *net.TCPConn) { send(t, c, "x"); copyTo(io.Discard, c) }, out: "UC", in: "UC", reason: "answer broke off"},
		{name: "caller that resets", speak: func(t *testing.T, c *net.TCPConn) {
			openStream(t, c)
			must(t, c.SetLinger(0))
		}, out: "DC", in: "DC", reason: "client closed"},
	}
}

// redirected serves connections as those that the kernel redirects on their way out of
// the mesh.
func redirected(t *testing.T, m *testMesh) string { return passing(t, m, func(*listen.Conn) {}) }

// cameBack is redirected for connections that the sidecar itself has opened.
func cameBack(t *testing.T, m *testMesh) string {
	return passing(t, m, func(c *listen.Conn) { m.out.outside.own[addrPort(c.RemoteAddr())] = struct{}{} })
}

func passing(t *testing.T, m *testMesh, before func(*listen.Conn)) string {
	t.Helper()
	l := loopback(t)
	server := listen.New(listen.Config{Drain: time.Second}, func(ctx context.Context, c *listen.Conn) {
		before(c)
		m.out.pass(ctx, &arrival{conn: c, original: netip.MustParseAddrPort("192.0.2.1:443")}, "")
	})
	run(t, func(ctx context.Context) error { return server.Serve(ctx, l) })
	return l.Addr().String()
}

// TestEachFlagOfStreams is TestEachFlagByARealFault for streams of bytes.
func TestEachFlagOfStreams(t *testing.T) {
	for _, c := range streamFlags() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.app.listen == nil {
				c.app = greeter("db")
			}
			m := newMesh(t, c.cfg, c.app)
			if c.arrange != nil {
				c.arrange(t, m)
			}
			if c.port == nil {
				c.port = func(t *testing.T, m *testMesh) string {
					return m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
				}
			}
			if c.drains {
				c.port = c.drained
			}
			c.talk(t, c.port(t, m))
			if r := m.records.await(t, 0); r.Flags != c.out || !strings.Contains(r.Reason, c.reason) || r.Protocol != "tcp" {
				t.Errorf("outbound: %+v, want flags %q", r, c.out)
			}
			c.checkInbound(t, m.sidecars[0].records)
		})
	}
}

// drained is the address of a port that drains as soon as it is spoken on.
func (c *streamCase) drained(t *testing.T, m *testMesh) string {
	t.Helper()
	l := loopback(t)
	stop := run(t, func(ctx context.Context) error {
		return m.out.ServePort(ctx, l, Port{Service: "reviews", Protocol: mesh.TCP})
	})
	c.speak = func(t *testing.T, nc *net.TCPConn) { openStream(t, nc); stop() }
	return l.Addr().String()
}

func (c *streamCase) talk(t *testing.T, addr string) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return // it may be turned away as soon as that
	}
	defer nc.Close()
	if c.speak == nil {
		c.speak = func(_ *testing.T, nc *net.TCPConn) { discard(nc) }
	}
	c.speak(t, nc.(*net.TCPConn))
}

func (c *streamCase) checkInbound(t *testing.T, side *records) {
	t.Helper()
	if c.in == "-" {
		return
	}
	r := side.await(t, 0)
	for f := range strings.SplitSeq(c.in, "|") {
		if r.Flags == f {
			return
		}
	}
	t.Errorf("inbound: %+v, want flags %q", r, c.in)
}
