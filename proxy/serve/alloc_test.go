//go:build !race

package serve

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// plainMesh is newMesh without TLS on the hop, of which crypto/tls allocates 24 bytes
// for each read: so what is counted is the mesh's own.
func plainMesh(t testing.TB, a app) *testMesh {
	t.Helper()
	m := newMesh(t, meshConfig{}, a)
	one := m.sidecars[0]
	l := loopback(t)
	server := listen.New(listen.Config{}, func(ctx context.Context, c *listen.Conn) {
		serveH1(ctx, c, c.Conn, h1Config{
			direction: emit.Inbound, mtls: true, app: one.in.apps[0], handle: one.in.handle, traces: &one.in.traces, sampler: one.in.deps.Sampler,
		})
	})
	run(t, func(ctx context.Context) error { return server.Serve(ctx, l) })
	m.pointAt(t, &sidecar{addr: netip.MustParseAddrPort(l.Addr().String())})
	m.out.deps.Dial = func(ctx context.Context, to *upstream.Instance, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", to.Info.Address.String())
	}
	m.tell(silent{})
	return m
}

// takesAll is a collector that forgets.
func takesAll(t *testing.T) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { discard(r.Body) }))
	t.Cleanup(s.Close)
	return s.URL
}

// The plain request path, through all layers of both sidecars, allocates nothing.
func TestPlainRequestAllocatesNothing(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools of buffers
	sent := emit.New(emit.Config{Service: "productpage", Collector: takesAll(t)}, emit.Deps{})
	run(t, sent.Run)
	sinks := map[string]emit.Sink{
		"no sink": silent{},
		// Between two batches, that is, which it sends by the clock, however slow the requests.
		"emitter that sends": sent,
		"emitter":            emit.New(emit.Config{Service: "productpage", Collector: "http://127.0.0.1:4318"}, emit.Deps{}),
	}
	for name, sink := range sinks {
		for _, size := range []int{128, 16 << 10} {
			t.Run(name+"/"+strconv.Itoa(size), func(t *testing.T) {
				m := plainMesh(t, benchApp)
				m.tell(sink)
				c := dialCaller(t, m.addr, size)
				for range 1000 { // connections are open, most buffers have grown
					must(t, c.once())
				}
				got := 1.0
				for round := 0; round < 20 && got != 0; round++ {
					got = testing.AllocsPerRun(100, func() { must(t, c.once()) })
				}
				if got != 0 {
					t.Errorf("%v allocations per request", got)
				}
			})
		}
	}
}
