package serve

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// handled is an app that answers so, once it is warm.
func handled(h http.HandlerFunc) app {
	return app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/warm" {
			h(w, r)
		}
	})}
}

// stuckApp never answers, and breaksOff begins to.
func stuckApp(_ http.ResponseWriter, r *http.Request) {
	discard(r.Body)
	<-r.Context().Done()
}

func beginsOnly(w http.ResponseWriter, r *http.Request) {
	begin(w, r)
	<-r.Context().Done()
}

func breaksOff(w http.ResponseWriter, r *http.Request) {
	begin(w, r)
	panic(http.ErrAbortHandler)
}

func begin(w http.ResponseWriter, r *http.Request) {
	discard(r.Body)
	if isGRPC(r.Header.Get("Content-Type")) {
		w.Header().Set("Content-Type", "application/grpc")
	}
	io.WriteString(w, "half") //nolint:errcheck // the client sees
	flush(w)
}

func diesBefore(_ http.ResponseWriter, r *http.Request) {
	discard(r.Body)
	panic(http.ErrAbortHandler)
}

func answering(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		w.WriteHeader(status)
	}
}

// noStatus is an app of HTTP/2 whose answers lack what they must have.
func noStatus() app {
	return tcpApp(func(c *net.TCPConn) {
		if _, err := io.CopyN(io.Discard, c, int64(len(http2.ClientPreface))); err != nil {
			return
		}
		f := http2.NewFramer(c, c)
		f.WriteSettings() //nolint:errcheck // reading fails then
		for {
			got, err := f.ReadFrame()
			if err != nil {
				return
			}
			if h, ok := got.(*http2.HeadersFrame); ok {
				var block bytes.Buffer
				hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: "x-status", Value: "200"}) //nolint:errcheck // memory
				f.WriteHeaders(http2.HeadersFrameParam{                                                //nolint:errcheck // reading fails then
					StreamID: h.StreamID, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true,
				})
			}
		}
	})
}

func posts(_ *testing.T, r *http.Request) { r.Method = http.MethodPost }

// leaves has the caller give up after a while.
func leaves(t *testing.T, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	t.Cleanup(cancel)
	*r = *r.WithContext(ctx)
}

// neverEnds has the body of the request stay away.
func neverEnds(t *testing.T, r *http.Request) {
	body, say := io.Pipe()
	t.Cleanup(func() { say.Close() })
	r.Method, r.Body, r.ContentLength = http.MethodPost, body, 10
}

// appFlags are faults of the app, or of the caller's while the app has the request.
func appFlags() []flagCase {
	by := func(flags string) told { return told{flags: flags, by: "proxy"} }
	gone := told{flags: "DC", by: "proxy", reason: "client closed the connection", grpc: -1}
	// gRPC's timeout goes along: either sidecar may find out first.
	late := func(flags string) told { return told{flags: flags, by: "proxy", orBy: "peer"} }
	there := gone
	there.also = "UT"
	peer := told{by: "peer"}
	again := func(on string) []mesh.Route { return everywhere(0, &mesh.Retry{Attempts: 2, On: []string{on}}) }
	return []flagCase{
		{
			name: "route timeout", only: "http1 h2", cfg: meshConfig{routes: single(2 * time.Second)}, app: handled(stuckApp), warm: true,
			status: 504, shown: "UT", reason: "route timeout after 2s", out: by("UT"), in: gone,
		},
		{
			name: "route timeout amid the answer", only: "http1 h2", cfg: meshConfig{routes: single(2 * time.Second)}, app: handled(beginsOnly), warm: true,
			status: 200, cut: true, reason: "route timeout after 2s", out: by("UT"), in: gone,
		},
		{
			name: "route timeout of gRPC", only: "grpc", cfg: meshConfig{routes: single(2 * time.Second)}, app: handled(stuckApp), warm: true,
			grpc: 4, shown: "UT", reason: "route timeout after ", out: late("UT"), in: there,
		},
		{
			name: "route timeout of gRPC amid the answer", only: "grpc", cfg: meshConfig{routes: single(2 * time.Second)}, app: handled(beginsOnly), warm: true,
			status: 200, cut: true, grpc: 4, reason: "route timeout after ", out: late("UT"), in: there,
		},
		{
			name: "time for each try", cfg: meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 1, On: []string{"reset"}, PerTryTimeout: 2 * time.Second})},
			app: handled(stuckApp), warm: true, status: 504, grpc: 4, shown: "UT", reason: "no answer", out: by("UT,URX"), in: gone,
		},
		{
			name: "no byte moves", only: "http1 h2", cfg: meshConfig{intake: Intake{Idle: 2 * time.Second}}, app: handled(stuckApp), warm: true,
			status: 504, grpc: 4, shown: "SI", reason: "no byte moved", out: by("SI"), in: gone,
		},
		{
			name: "request that does not end", only: "http1", cfg: meshConfig{intake: Intake{Idle: 2 * time.Second}}, change: neverEnds,
			status: 408, shown: "SI", reason: "no byte moved", out: by("SI"), // what is short is not sent on before it is whole
		},
		{
			name: "request of HTTP/2 that does not end", only: "h2", cfg: meshConfig{intake: Intake{Idle: 2 * time.Second}}, change: neverEnds,
			status: 408, shown: "SI", reason: "no byte moved", out: by("SI"), in: gone,
		},
		{name: "caller gives up", app: handled(stuckApp), warm: true, change: leaves, cut: true, reason: "client closed the connection", out: told{flags: "DC", by: "proxy", grpc: -1}, in: gone},
		{
			name: "app that dies before the answer", app: handled(diesBefore), change: posts, cfg: meshConfig{routes: single(0)},
			status: 503, grpc: 14, shown: "UC", reason: "no answer", in: by("UC"), out: peer,
		},
		{
			name: "app that dies amid the answer", only: "http1 h2", app: handled(breaksOff),
			status: 200, cut: true, reason: "answer broke off", in: by("UC"), out: by("UC"),
		},
		{
			name: "app that dies amid the answer of gRPC", only: "grpc", app: handled(breaksOff),
			status: 200, grpc: 14, reason: "answer broke off", in: by("UC"), out: told{flags: "UC", by: "peer"},
		},
		{
			name: "app that does not speak HTTP", only: "http1", app: saysSSH(), cfg: meshConfig{protocol: mesh.HTTP, routes: single(0)},
			status: 502, shown: "UPE", reason: "answer is no proper HTTP", in: by("UPE"), out: peer,
		},
		{
			name: "app that breaks the rules of HTTP/2", only: "h2 grpc", app: noStatus(), cfg: meshConfig{protocol: mesh.HTTP2, routes: single(0)},
			status: 502, grpc: 14, shown: "UPE", reason: "answer is no proper HTTP", in: by("UPE"), out: peer,
		},
		{
			name: "app that cannot speak gRPC", only: "grpc", cfg: meshConfig{protocol: mesh.HTTP},
			grpc: 12, shown: "UPE", reason: "app does not speak HTTP/2, which gRPC needs", in: by("UPE"), out: peer,
		},
		{
			name: "every try fails", cfg: meshConfig{routes: again("503")}, only: "http1 h2", app: handled(answering(503)),
			status: 503, out: told{flags: "URX", by: "app"}, in: told{by: "app"},
		},
		{ // the app's answer is passed on, not replaced
			name: "too many retries", only: "http1 h2", app: handled(answering(500)),
			cfg:    meshConfig{routes: again("5xx"), policy: mesh.Policy{RetryBudget: &mesh.RetryBudget{}}},
			status: 500, out: told{flags: "UO", by: "app"}, in: told{by: "app"},
		},
		{
			name: "too many retries after no answer", cfg: meshConfig{policy: mesh.Policy{RetryBudget: &mesh.RetryBudget{}}},
			arrange: func(_ *testing.T, m *testMesh) { m.sidecars[0].stop() },
			status:  503, grpc: 14, shown: "UF", reason: "connection refused", out: by("UF,UO"),
		},
	}
}

// saysSSH is an app of another protocol.
func saysSSH() app {
	return tcpApp(func(c *net.TCPConn) {
		io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n") //nolint:errcheck // the sidecar sees
		discard(c)
	})
}
