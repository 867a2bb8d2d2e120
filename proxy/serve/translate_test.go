package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/http2"
)

// speaking is an app that speaks one protocol only, and counts its connections.
func speaking(protocol mesh.AppProtocol, accepted *atomic.Int32, h http.HandlerFunc) app {
	return app{listen: func(l net.Listener) {
		s := &http.Server{Handler: h, Protocols: new(http.Protocols), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
		s.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew && accepted != nil {
				accepted.Add(1)
			}
		}
		s.Protocols.SetHTTP1(protocol == mesh.HTTP)
		s.Protocols.SetUnencryptedHTTP2(protocol != mesh.HTTP)
		s.Serve(l) //nolint:errcheck // it ends with its listener
		s.Close()
	}}
}

// shapes answers requests of all forms, and says what it got.
func shapes(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Got", fmt.Sprintf("%s %s %s %s length=%d cookie=%q sum=%q", r.Proto, r.Method, r.RequestURI, r.Host,
		r.ContentLength, r.Header.Get("Cookie"), r.Trailer.Get("X-Sum")))
	switch r.URL.Path {
	case "/none":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/early":
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
	case "/trailers":
		w.Header().Set("Trailer", "X-Sum")
		defer w.Header().Set("X-Sum", "42")
	case "/flush":
		flush(w)
	case "/large":
		for range 64 {
			w.Write(make([]byte, 32<<10)) //nolint:errcheck // the client tells
		}
		return
	}
	w.Write(body) //nolint:errcheck // the client tells
}

// A request looks the same to an app that speaks another protocol than its caller, and
// so does the answer.
func TestTranslation(t *testing.T) {
	for _, way := range []struct {
		name, proto     string
		speaks, setting mesh.AppProtocol
		h2              bool
	}{
		{"h2 to an app of HTTP/1.1, which is found out", "HTTP/1.1", mesh.HTTP, "", true},
		{"h2 to an app of HTTP/1.1, as it says", "HTTP/1.1", mesh.HTTP, mesh.HTTP, true},
		{"HTTP/1.1 to an app of h2", "HTTP/2.0", mesh.HTTP2, mesh.HTTP2, false},
		{"HTTP/1.1 to an app of gRPC", "HTTP/2.0", mesh.GRPC, mesh.GRPC, false},
		{"h2 to an app of h2", "HTTP/2.0", mesh.HTTP2, mesh.HTTP2, true},
		{"HTTP/1.1 to an app of HTTP/1.1", "HTTP/1.1", mesh.HTTP, "", false},
	} {
		t.Run(way.name, func(t *testing.T) {
			m := newMesh(t, meshConfig{protocol: way.setting}, speaking(way.speaks, nil, shapes))
			c := m.client(t)
			if way.h2 {
				c = m.client2(t)
			}
			large := strings.Repeat("0123456789", 50_000)
			for _, x := range []struct {
				method, path, body, want, got string
				stream                        bool
			}{
				{method: "GET", path: "/a?b=c", got: "GET /a?b=c reviews length=0"},
				{method: "HEAD", path: "/", got: "HEAD / reviews length=0"},
				{method: "DELETE", path: "/none", got: "DELETE /none reviews length=0"},
				{method: "POST", path: "/", got: "POST / reviews length=0"},
				{method: "POST", path: "/", body: "hello", got: "POST / reviews length=5"},
				{method: "POST", path: "/flush", body: "hello", stream: true, got: "POST /flush reviews length=-1"},
				{method: "PUT", path: "/", body: large, got: fmt.Sprint("PUT / reviews length=", len(large))},
				{method: "PUT", path: "/flush", body: large, stream: true, got: "PUT /flush reviews length=-1"},
				{method: "GET", path: "/early", got: "GET /early reviews length=0"},
				{method: "POST", path: "/trailers", body: "hello", stream: true, got: "POST /trailers reviews length=-1"},
				{method: "GET", path: "/large", want: strings.Repeat("\x00", 2<<20), got: "GET /large reviews length=0"},
			} {
				var body io.Reader
				if x.body != "" {
					body = strings.NewReader(x.body)
				}
				if x.stream {
					body = struct{ io.Reader }{body}
				}
				r := request(t, x.method, x.path, body)
				r.AddCookie(&http.Cookie{Name: "a", Value: "1"})
				r.AddCookie(&http.Cookie{Name: "b", Value: "2"})
				sum := ""
				if x.stream {
					r.Trailer, sum = http.Header{"X-Sum": {"7"}}, "7"
				}
				res, got := do(t, c, r)
				if x.want == "" && x.method != "HEAD" {
					x.want = x.body
				}
				if got != x.want {
					t.Errorf("%s %s: %d and %d bytes, want %d (%s)", x.method, x.path, res.Status, len(got), len(x.want), res.Header.Get("X-Sightline-Reason"))
				}
				want := fmt.Sprintf("%s %s cookie=%q sum=%q", way.proto, x.got, "a=1; b=2", sum)
				if got := res.Header.Get("X-Got"); got != want {
					t.Errorf("the app got %s\nwant %s", got, want)
				}
			}
			rec := m.sidecars[0].records.await(t, 0)
			if want := map[bool]string{true: "h2", false: "http/1.1"}[way.h2]; rec.Protocol != want || rec.Flags != "" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// What the tables of compression keep does not change with the buffers that it came in:
// neither side may see what another request said, and what is driven out must be found.
func TestTranslationKeepsNothingOfABuffer(t *testing.T) {
	for _, way := range []struct {
		name   string
		speaks mesh.AppProtocol
		h2     bool
	}{{"HTTP/1.1 to an app of h2", mesh.HTTP2, false}, {"h2 to an app of HTTP/1.1", mesh.HTTP, true}} {
		t.Run(way.name, func(t *testing.T) {
			says := func(w http.ResponseWriter, r *http.Request) {
				name := strings.TrimPrefix(r.URL.Path, "/")
				w.Header()["answer-"+name] = []string{r.RequestURI + " " + r.Header.Get("Asked-"+name)} // in lower case
			}
			m := newMesh(t, meshConfig{protocol: way.speaks}, speaking(way.speaks, nil, says))
			c := m.client(t)
			if way.h2 {
				c = m.client2(t)
			}
			for n := range 600 { // more than a table of 4 KiB holds, twice
				name := fmt.Sprintf("%03d", n%300)
				r := request(t, "GET", "/"+name, nil)
				r.Header["asked-"+name] = []string{name}
				res, _ := do(t, c, r)
				if got, want := res.Header.Get("Answer-"+name), "/"+name+" "+name; got != want {
					t.Fatalf("request %d was answered %q (%s), want %q", n, got, res.Header.Get("X-Sightline-Reason"), want)
				}
			}
		})
	}
}

// An app that does not know HTTP/2 may just end the connection.
func TestAppThatHangsUpOnHTTP2(t *testing.T) {
	m := newMesh(t, meshConfig{}, tcpApp(func(c *net.TCPConn) {
		b := make([]byte, 1024)
		n, _ := c.Read(b)
		if strings.HasPrefix(string(b[:n]), "PRI ") {
			c.CloseWrite()         //nolint:errcheck,forcetypeassert // in order: a FIN, no RST
			io.Copy(io.Discard, c) //nolint:errcheck // until the other side ends it too
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") //nolint:errcheck // the client tells
	}))
	if res, body := do(t, m.client2(t), request(t, "GET", "/", nil)); res.Status != 200 || body != "ok" {
		t.Errorf("%d %q %s", res.Status, body, res.Header.Get("X-Sightline-Reason"))
	}
}

// What was learned of an app is remembered: it is not asked again.
func TestProtocolIsLearnedOnce(t *testing.T) {
	var accepted atomic.Int32
	m := newMesh(t, meshConfig{}, speaking(mesh.HTTP, &accepted, shapes))
	c := m.client2(t)
	for range 20 {
		if res, body := do(t, c, request(t, "POST", "/", strings.NewReader("x"))); res.Status != 200 || body != "x" {
			t.Fatalf("%d %q %s", res.Status, body, res.Header.Get("X-Sightline-Reason"))
		}
	}
	if n := accepted.Load(); n != 2 { // one for the question, one that is kept
		t.Errorf("%d connections", n)
	}
}

func TestGRPCNeedsHTTP2(t *testing.T) {
	for _, setting := range []mesh.AppProtocol{"", mesh.HTTP} {
		m := newMesh(t, meshConfig{protocol: setting}, speaking(mesh.HTTP, nil, shapes))
		r := request(t, "POST", "/shop.Cart/Add", strings.NewReader("\x00\x00\x00\x00\x00"))
		r.Header.Set("Content-Type", "application/grpc")
		res, _ := do(t, m.client2(t), r)
		h := res.Header
		if res.Status != 200 || h.Get("Grpc-Status") != "12" || !strings.Contains(h.Get("Grpc-Message"), "does not speak HTTP/2") {
			t.Errorf("%q: %d %v", setting, res.Status, h)
		}
		if rec := m.records.await(t, 0); rec.GeneratedBy != "peer" || rec.GRPCStatus != 12 {
			t.Errorf("record %+v", rec)
		}
	}
}

// A client that goes away takes its request with it, whatever is spoken to the app.
func TestTranslatedRequestsEndWithTheirClients(t *testing.T) {
	for _, way := range []struct {
		protocol mesh.AppProtocol
		h2       bool
	}{{mesh.HTTP, true}, {mesh.HTTP2, false}} {
		entered, cancelled := make(chan struct{}), make(chan struct{})
		m := newMesh(t, meshConfig{protocol: way.protocol}, speaking(way.protocol, nil, func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(cancelled)
		}))
		c := m.client(t)
		if way.h2 {
			c = m.client2(t)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-entered; cancel() }()
		if res, err := c.Do(request(t, "GET", "/", nil).WithContext(ctx)); err == nil {
			res.Body.Close()
			t.Error("no error")
		}
		select {
		case <-cancelled:
		case <-time.After(soon):
			t.Fatalf("%s: the app was not told", way.protocol)
		}
	}
}

// Bodies that go both ways at once do so through a translation, too.
func TestTranslationStreamsBothWays(t *testing.T) {
	m := newMesh(t, meshConfig{protocol: mesh.HTTP}, speaking(mesh.HTTP, nil, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex() //nolint:errcheck // HTTP/1.1 can
		flush(w)
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n]) //nolint:errcheck // the client tells
			flush(w)
			if err != nil {
				return
			}
		}
	}))
	src, say := io.Pipe()
	res, err := m.client2(t).Do(request(t, "POST", "/", src))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for _, word := range []string{"one", "two", "three"} {
		fmt.Fprint(say, word)
		got := make([]byte, len(word))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != word {
			t.Fatalf("%q, %v", got, err)
		}
	}
	say.Close()
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Error(err)
	}
}

// What cannot be said in HTTP/1.1 is refused, not smuggled. Line breaks never come this
// far: see the rules of package http2.
func TestNothingIsSmuggledThroughATranslation(t *testing.T) {
	for name, h := range map[string]http2.Head{
		"space in the path": {Method: "GET", Path: "/a b HTTP/1.1", Authority: "reviews"},
		"name with a colon": {Method: "GET", Path: "/", Authority: "a", Fields: []http2.Field{{Name: "x:y", Value: "\n"}}},
	} {
		h.Length = -1
		if err := new(onH1).translate(&h, &h2Body{all: true}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
