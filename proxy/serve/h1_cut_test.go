package serve

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// peerThatEnds reads requests, and ends their connections by end without an answer.
func peerThatEnds(t *testing.T, a *authority, end func(*tls.Conn) error) (peer *sidecar, read *atomic.Int32) {
	t.Helper()
	l, read := loopback(t), new(atomic.Int32)
	cfg := a.config(t, "reviews")
	cfg.NextProtos = []string{"http/1.1"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			c := tls.Server(nc, cfg)
			if readRequest(c) == nil {
				read.Add(1)
			}
			must(t, end(c))
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return &sidecar{addr: netip.MustParseAddrPort(l.Addr().String())}, read
}

// Only an end in order proves that a request was not acted on.
func TestPeerThatDiesIsNotTakenForOneThatEndsInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*tls.Conn) error
		want int32 // how often the request is sent
	}{
		"died":     {func(c *tls.Conn) error { return c.NetConn().Close() }, 1},
		"in order": {(*tls.Conn).Close, 3},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{}, app{listen: func(net.Listener) {}})
			peer, read := peerThatEnds(t, m.authority, c.end)
			m.pointAt(t, peer)
			res, _ := do(t, m.client(t), request(t, "POST", "/", strings.NewReader("x")))
			if res.Status != 503 || read.Load() != c.want {
				t.Errorf("status %d after the peer has read it %d times: %s", res.Status, read.Load(), res.Header.Get("X-Sightline-Reason"))
			}
		})
	}
}

// A client that goes before its request has come costs no connection to an instance.
func TestClientThatGoesEarlyCostsNoConnection(t *testing.T) {
	m := newMesh(t, meshConfig{}, handled(answering(200)))
	var dialled atomic.Int32
	dial := m.out.deps.Dial
	m.out.deps.Dial = func(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error) {
		dialled.Add(1)
		return dial(ctx, to, alpn)
	}
	c := m.client(t)
	get(t, c, "http://reviews/", 200)
	m.records.await(t, 0) // a client has its answer before the record of it is made
	const early = 10
	for i := range early {
		nc := m.connect(t)
		send(t, nc, "POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 5\r\n\r\nhe")
		nc.Close()
		if rec := m.records.await(t, 1+i); rec.Flags != "DC" || rec.BytesIn > 2 {
			t.Fatalf("record %+v", rec)
		}
	}
	get(t, c, "http://reviews/", 200)
	// A second one where the next request comes before the last has given back the first.
	if n := dialled.Load(); n > 2 {
		t.Errorf("%d connections were made for two requests and %d that never came, want 1", n, early)
	}
	m.sidecars[0].records.await(t, 1)
}
