package serve

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/route"
	"github.com/sightline-mesh/sightline/proxy/stream"
)

// tcpApp serves each connection by a function.
func tcpApp(serve func(c *net.TCPConn)) app {
	return app{listen: func(l net.Listener) {
		acceptEach(l, func(c net.Conn) { serve(c.(*net.TCPConn)) })
	}}
}

// acceptEach serves each connection in a goroutine of its own, and ends it then, until
// the listener is closed.
func acceptEach(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

// greeter speaks first, then repeats what it is told, in capitals, until its client
// has ended.
func greeter(name string) app {
	return tcpApp(func(c *net.TCPConn) {
		fmt.Fprintf(c, "220 %s\r\n", name)
		all, _ := io.ReadAll(c)
		fmt.Fprintf(c, "%s", bytes.ToUpper(all))
	})
}

// fixed serves a port of the caller's sidecar and returns its address.
func (m *testMesh) fixed(t *testing.T, p Port) string {
	t.Helper()
	l := loopback(t)
	run(t, func(ctx context.Context) error { return m.out.ServePort(ctx, l, p) })
	return l.Addr().String()
}

func dialTCP(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(soon)))
	return c.(*net.TCPConn)
}

// wantReset connects and expects to be turned away.
func wantReset(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

// talk greets and asks the greeter.
func talk(t *testing.T, c *net.TCPConn) string {
	t.Helper()
	hello, err := bufio.NewReader(io.LimitReader(c, 100)).ReadString('\n')
	if err != nil {
		t.Fatalf("greeting: %v after %q", err, hello)
	}
	fmt.Fprint(c, "quit")
	must(t, c.CloseWrite())
	rest, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	return hello + string(rest)
}

func TestStreamOfBytesThroughThePair(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	// Nobody speaks before the server does: told by the protocol, or by silence.
	for i, port := range []Port{{Service: "reviews", Protocol: mesh.TCP}, {Service: "reviews"}} {
		if got := talk(t, dialTCP(t, m.fixed(t, port))); got != "220 db\r\nQUIT" {
			t.Errorf("%+v: got %q", port, got)
		}
		if silent := m.out.Silent(); silent != uint64(i) { // only where the protocol is not said
			t.Errorf("%+v: %d waited for", port, silent)
		}
		out, in := m.records.await(t, i), m.sidecars[0].records.await(t, i)
		for _, r := range []emit.Record{out, in} {
			if r.Protocol != "tcp" || r.Flags != "" || r.BytesIn != 4 || r.BytesOut != 12 || r.ClosedBy != "client" || !r.MTLS || r.Reason != "" {
				t.Errorf("record %+v", r)
			}
		}
		if out.Peer.Instance != "reviews-1" || in.Peer.Service != "productpage" || out.Route != "default" || len(out.Tries) != 1 {
			t.Errorf("out %+v\nin %+v", out, in)
		}
		if out.RequestID != signal.TraceRequestID(out.Trace.ID.String()) || out.RequestID != in.RequestID || out.Trace.ID != in.Trace.ID || in.ParentID != out.Trace.Span {
			t.Errorf("the two records are not one stream's: %+v, %+v", out, in)
		}
	}
}

func TestStreamsSkipInstancesWhoseAppIsDown(t *testing.T) {
	down := tcpApp(nil)
	down.listen = func(l net.Listener) { l.Close() }
	m := newMesh(t, meshConfig{}, down, greeter("up"))
	addr := m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
	if n := m.out.Streams().Opened(); n != 0 {
		t.Errorf("%d streams before the first", n)
	}
	retried := false
	for i := range 10 {
		if got := talk(t, dialTCP(t, addr)); got != "220 up\r\nQUIT" {
			t.Errorf("got %q", got)
		}
		r := m.records.await(t, i)
		retried = retried || len(r.Tries) == 2 && strings.Contains(r.Tries[0].Reason, "connection refused")
	}
	if opened, open := m.out.Streams().Opened(), m.out.Streams().Open(); opened != 10 || open > 1 {
		t.Errorf("%d streams opened, %d open", opened, open)
	}
	if !retried {
		t.Error("no stream was tried at the instance whose app is down, or none says so")
	}
}

func TestStreamsThatNobodyTakes(t *testing.T) {
	down := app{listen: func(l net.Listener) { l.Close() }}
	m := newMesh(t, meshConfig{}, down)
	wantReset(t, m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP}))
	r := m.records.await(t, 0)
	if !strings.Contains(r.Flags, "UF") || !strings.Contains(r.Reason, "connection refused") {
		t.Errorf("flags %q, reason %q", r.Flags, r.Reason)
	}
	if in := m.sidecars[0].records.await(t, 0); in.Flags != "UF" {
		t.Errorf("inbound: flags %q, reason %q", in.Flags, in.Reason)
	}
	// Each try was a stream to the callee, the first of which has been told of by now.
	if out, in := m.records.opens(), m.sidecars[0].records.opens(); len(out) != 1 || len(in) == 0 || out[0].Flags != r.Flags || in[0].Flags != "UF" {
		t.Errorf("told as opened: %+v and %+v", out, in)
	}
	wantReset(t, m.fixed(t, Port{Service: "nobody", Protocol: mesh.TCP}))
	if r := m.records.await(t, 1); r.Flags != "NR" || r.Peer.Service != "nobody" {
		t.Errorf("%+v", r)
	}
}

func TestResetsAreCarriedThroughThePair(t *testing.T) {
	m := newMesh(t, meshConfig{}, tcpApp(func(c *net.TCPConn) {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			_ = c.SetLinger(0)
		}
	}))
	addr := m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
	c := dialTCP(t, addr)
	fmt.Fprint(c, "x")
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the app reset, the client reads %v", err)
	}
	if r := m.records.await(t, 0); r.Flags != "UC" || r.ClosedBy != "server" {
		t.Errorf("%+v", r)
	}
	m.sidecars[0].records.await(t, 0)
	c = dialTCP(t, addr)
	must(t, c.SetLinger(0))
	<-time.After(50 * time.Millisecond)
	c.Close()
	if r := m.records.await(t, 1); r.Flags != "DC" || r.ClosedBy != "client" {
		t.Errorf("%+v", r)
	}
	if r := m.sidecars[0].records.await(t, 1); r.Flags != "DC" || r.ClosedBy != "client" {
		t.Errorf("inbound: %+v", r)
	}
}

func TestStreamsAreDrained(t *testing.T) {
	m := newMesh(t, meshConfig{drain: 300 * time.Millisecond}, greeter("db"))
	l := loopback(t)
	stop := run(t, func(ctx context.Context) error {
		return m.out.ServePort(ctx, l, Port{Service: "reviews", Protocol: mesh.TCP})
	})
	c := dialTCP(t, l.Addr().String())
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	stop() // waits for the drain time, then cuts
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %v, want a reset", err)
	}
	if r := m.records.await(t, 0); r.Flags != "LR" || !strings.Contains(r.Reason, "drain") || r.ClosedBy != "" {
		t.Errorf("%+v", r)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	m := newMesh(t, meshConfig{policy: mesh.Policy{Limits: mesh.Limits{Connections: 1}}}, greeter("db"))
	addr := m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP})
	first := dialTCP(t, addr)
	if _, err := io.ReadFull(first, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	wantReset(t, addr)
	if r := m.records.await(t, 0); r.Flags != "UO" {
		t.Errorf("%+v", r)
	}
	first.Close()
	m.records.await(t, 1)
	if got := talk(t, dialTCP(t, addr)); got != "220 db\r\nQUIT" {
		t.Errorf("after the first had ended: %q", got)
	}
}

// An open stream counts as in flight, but says at once that its instance is well.
func TestAnOpenStreamIsAProbeThatSucceeded(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	c := dialTCP(t, m.fixed(t, Port{Service: "reviews", Protocol: mesh.TCP}))
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	r, err := m.table.Stream("reviews", route.Stream{})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := m.set.Pick(r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	if n := lease.Instance.InFlight(); n != 1 {
		t.Errorf("%d in flight while the stream is open", n)
	}
	c.Close()
	m.records.await(t, 0)
	if n := lease.Instance.InFlight(); n != 0 {
		t.Errorf("%d in flight after its end", n)
	}
}

func TestTLSOfTheAppsOwnGoesByItsServerName(t *testing.T) {
	cfg := newAuthority(t).config(t, "reviews.default.svc.cluster.local")
	cfg.ClientAuth = tls.NoClientCert
	m := newMesh(t, meshConfig{}, tcpApp(func(c *net.TCPConn) {
		s := tls.Server(c, cfg)
		fmt.Fprint(s, "hello from inside")
		s.Close()
	}))
	clientCfg := &tls.Config{RootCAs: cfg.RootCAs, ServerName: "reviews.default.svc.cluster.local"}
	c := tls.Client(dialTCP(t, m.addr), clientCfg)
	if got, err := io.ReadAll(c); string(got) != "hello from inside" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	c.Close()
	if r := m.records.await(t, 0); r.Protocol != "tcp" || r.Authority != clientCfg.ServerName || r.Peer.Instance != "reviews-1" {
		t.Errorf("%+v", r)
	}
	clientCfg.ServerName = "nobody"
	err := tls.Client(dialTCP(t, m.addr), clientCfg).Handshake()
	if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a name of nobody: %v", err)
	}
	if r := m.records.await(t, 1); r.Flags != "NR" || !strings.Contains(r.Reason, "nobody") {
		t.Errorf("%+v", r)
	}
}

func TestConnectOpensAStream(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	c := dialTCP(t, m.addr)
	// The first bytes may come together with the request.
	fmt.Fprint(c, "CONNECT reviews:5432 HTTP/1.1\r\nHost: reviews:5432\r\nx-request-id: mine\r\n\r\nearly ")
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK || res.ContentLength > 0 || len(res.TransferEncoding) > 0 {
		t.Fatalf("%+v", res)
	}
	fmt.Fprint(c, "quit")
	must(t, c.CloseWrite())
	if got, err := io.ReadAll(br); string(got) != "220 db\r\nEARLY QUIT" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	r := m.records.await(t, 0)
	if r.Protocol != "tcp" || r.Method != http.MethodConnect || r.Authority != "reviews:5432" || r.BytesIn != 10 || r.RequestID != "mine" {
		t.Errorf("%+v", r)
	}
	if in := m.sidecars[0].records.await(t, 0); in.RequestID != "mine" {
		t.Errorf("inbound: %+v", in)
	}
}

// Go's own client takes the sidecar for a proxy of HTTPS.
func TestHTTPSClientsComeThroughConnect(t *testing.T) {
	cfg := newAuthority(t).config(t, "reviews")
	cfg.ClientAuth, cfg.NextProtos = tls.NoClientCert, nil
	m := newMesh(t, meshConfig{}, app{listen: func(l net.Listener) {
		s := &http.Server{TLSConfig: cfg, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: to(t, "hello").Handler}
		_ = s.ServeTLS(l, "", "")
	}})
	tr := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: m.addr}),
		TLSClientConfig: &tls.Config{RootCAs: cfg.RootCAs},
	}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Get("https://reviews/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); string(body) != "hello" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestConnectToOthersIsRefusedWithAReason(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	for _, to := range []string{"example.com.au:443", "10.0.0.1:443", "nobody:443"} {
		// The connection may carry another request afterwards.
		got := m.raw(t, "CONNECT "+to+" HTTP/1.1\r\nHost: "+to+"\r\n\r\n"+
			"GET / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 404 ") || !strings.Contains(got, "x-sightline-flags: NR\r\n") || strings.Count(got, "HTTP/1.1 404") != 2 {
			t.Errorf("CONNECT %s: %q", to, got)
		}
	}
}

func TestPeersMayNotConnectThrough(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	c, err := tls.Dial("tcp", m.sidecars[0].addr.String(), func() *tls.Config {
		c := m.authority.config(t, "productpage")
		c.ServerName, c.NextProtos = "reviews", []string{"http/1.1"}
		return c
	}())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n")
	if got, err := io.ReadAll(c); !strings.HasPrefix(string(got), "HTTP/1.1 501 ") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPeersThatSayNoHeadAreCounted(t *testing.T) {
	m := newMesh(t, meshConfig{}, greeter("db"))
	cfg := m.authority.config(t, "productpage")
	cfg.ServerName, cfg.NextProtos = "reviews", []string{stream.ALPN}
	c, err := tls.Dial("tcp", m.sidecars[0].addr.String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "\xff\xffGET / HTTP/1.1\r\n\r\n")
	_, _ = io.Copy(io.Discard, c)
	eventually(t, func() string { return "it is counted" }, func() bool {
		_, unproved := m.sidecars[0].in.Refused()
		return unproved == 1
	})
}

func TestHostOf(t *testing.T) {
	for in, want := range map[string]string{
		"GET / HTTP/1.1\r\nhost:  reviews:80 \r\n":                    "reviews:80",
		"GET / HTTP/1.1\nA: b\nHOST: x\n":                             "x",
		"GET http://a.b/c HTTP/1.1\r\nHost: other\r\n":                "a.b",
		"GET /?q=http://a.b/c HTTP/1.1\r\nHost: other\r\n":            "other",
		"CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n":               "db:5432",
		"GET / HTTP/1.0\r\n\r\nHost: body":                            "",
		"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n":                         "",
		"GET / HTTP/1.1\r\nHost: [fd00::1]:8080\r\nConnection: a\r\n": "[fd00::1]:8080",
	} {
		if got, done := hostOf([]byte(in)); got != want || !done {
			t.Errorf("%q: %q, done %v", in, got, done)
		}
	}
	if _, done := hostOf([]byte("GET / HTTP/1.1\r\nHost: revi")); done {
		t.Error("half a host is taken for one")
	}
}

func FuzzHostOf(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nhost:  reviews:80 \r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if host, done := hostOf(b); done {
			if again, still := hostOf(append(slices.Clip(b), 'x')); again != host || !still {
				t.Errorf("%q: %q, with a byte more %q", b, host, again)
			}
		}
	})
}
