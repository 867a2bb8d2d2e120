package serve

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
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
