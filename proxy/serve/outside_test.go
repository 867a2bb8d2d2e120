package serve

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/listen"
)

// intercepting serves connections as those that the kernel redirects on their way to an
// address, and returns where it takes them.
func (m *testMesh) intercepting(t *testing.T, to string) string {
	t.Helper()
	l, original := loopback(t), netip.MustParseAddrPort(to)
	server := listen.New(listen.Config{Drain: time.Second}, func(ctx context.Context, c *listen.Conn) {
		a := &arrival{conn: c, original: original}
		if p, err := m.out.detect(ctx, a); err == nil && p == listen.HTTP2 {
			m.out.serveHTTP2(ctx, a)
		}
	})
	run(t, func(ctx context.Context) error { return server.Serve(ctx, l) })
	return l.Addr().String()
}

// TestHTTP2OutOfTheMesh: plaintext HTTP/2, with prior knowledge, to somebody who is not
// in the mesh arrives there; what names a service of the mesh goes the mesh's way.
func TestHTTP2OutOfTheMesh(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
	m.out.cfg.AllowAny = true
	there := startApp(t, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "application/grpc" {
			discard(r.Body)
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "5")
			return
		}
		send(t, w, r.Proto+" of "+r.Host)
	})})
	at := m.intercepting(t, there)
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", at)
	}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	for n, tt := range []struct{ host, body, peer string }{
		{"api.elsewhere.example.com", "HTTP/2.0 of api.elsewhere.example.com", signal.Outside},
		{"reviews", "in the mesh", "reviews"}, // on the same connection
		{"api.elsewhere.example.com:8443", "HTTP/2.0 of api.elsewhere.example.com:8443", signal.Outside},
	} {
		r := request(t, "GET", "/", nil)
		r.Host = tt.host
		if res, body := do(t, c, r); res.Status != 200 || body != tt.body {
			t.Errorf("%s: %d %q, want %q", tt.host, res.Status, body, tt.body)
		}
		if rec := m.records.await(t, n); rec.Peer.Service != tt.peer || rec.MTLS != (tt.peer != signal.Outside) {
			t.Errorf("%s: record %+v", tt.host, rec)
		}
	}
	conn, err := grpc.NewClient("passthrough:///api.elsewhere.example.com", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = testgrpc.NewTestServiceClient(conn).EmptyCall(t.Context(), &testgrpc.Empty{})
	if s := status.Convert(err); s.Code() != 5 {
		t.Errorf("gRPC, which waits for its server's settings: %v, want that server's own answer", err)
	}
}

func TestHTTP2StaysInTheMeshWhereNothingMayLeave(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "in the mesh"))
	m.addr = m.intercepting(t, "192.0.2.1:80")
	c := m.client2(t)
	r := request(t, "GET", "/", nil)
	r.Host = "api.elsewhere.example.com"
	if res, _ := do(t, c, r); res.Status != 404 {
		t.Errorf("%d, want 404", res.Status)
	}
	if res, body := do(t, c, request(t, "GET", "/", nil)); res.Status != 200 || body != "in the mesh" {
		t.Errorf("%d %q", res.Status, body)
	}
}
