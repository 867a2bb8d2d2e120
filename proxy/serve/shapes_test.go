package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

// scripted answers each connection's requests with the texts in turn, and then
// closes it.
func scripted(t testing.TB, texts ...string) app {
	return tcpApp(func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for _, s := range texts {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			discard(r.Body)
			send(t, c, s)
		}
	})
}

func TestAnswersOfAllShapes(t *testing.T) {
	for name, c := range map[string]struct {
		answer  string
		method  string
		want    string // the end of what the client gets
		without string
	}{
		"until close becomes chunks": {"HTTP/1.1 200 OK\r\n\r\nhello", "GET", "\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "ontent-"},
		"HTTP/1.0":                   {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "GET", "\r\n\r\nhello", "chunked"},
		"empty length is kept":       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", "Content-Length: 0\r\nconnection: close\r\n\r\n", "chunked"},
		"length of a HEAD is kept":   {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "HEAD", "Content-Length: 99\r\nconnection: close\r\n\r\n", "chunked"},
		"no content":                 {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "GET", "connection: close\r\n\r\n", "ontent-L"},
		"not modified":               {"HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n", "GET", "Etag: x\r\nconnection: close\r\n\r\n", "chunked"},
		"reason phrase is kept":      {"HTTP/1.1 299 Whatever It Is\r\nContent-Length: 0\r\n\r\n", "GET", "\r\n\r\n", "OK"},
		"extensions are dropped":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n", "GET", "5\r\nhello\r\n0\r\nT: u\r\n\r\n", "x=y"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{}, scripted(t, c.answer))
			got := m.raw(t, c.method+" / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n")
			if !strings.HasSuffix(got, c.want) || strings.Contains(got, c.without) {
				t.Errorf("got %q", got)
			}
			if line := c.answer[len("HTTP/1.1"):strings.Index(c.answer, "\r")]; !strings.HasPrefix(got, "HTTP/1.1"+line+"\r\n") {
				t.Errorf("status line of %q", got)
			}
		})
	}
}

func TestImproperAnswersAreBadGateways(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":             "SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
		"length and chunks":   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"unasked for upgrade": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"large head":          "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{}, scripted(t, answer))
			res, _ := do(t, m.client(t), request(t, "POST", "/", nil))
			wantFault(t, res, 502, "UPE", "no proper HTTP")
			if rec := m.sidecars[0].records.await(t, 0); rec.Flags != "UPE" || rec.GeneratedBy != "proxy" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestConnectionThatTheAppClosedWhileIdle(t *testing.T) {
	m := newMesh(t, meshConfig{}, scripted(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	c := m.client(t)
	for i := range 30 { // each connection serves one request, and says nothing of it
		if res, body := do(t, c, request(t, "POST", "/", strings.NewReader("x"))); res.Status != 200 || body != "ok" {
			// The close may be on its way when the request is sent: then it is not known
			// whether the app has it, and a POST is not sent again.
			if res.Header.Get("X-Sightline-Flags") != "UC" {
				t.Errorf("request %d: %d %q", i, res.Status, body)
			}
		}
		if res, body := do(t, c, request(t, "GET", "/", nil)); res.Status != 200 || body != "ok" {
			t.Errorf("GET %d: %d %q", i, res.Status, body)
		}
	}
}

func TestPortOfOneService(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "reviews"))
	l := loopback(t)
	run(t, func(ctx context.Context) error { return m.out.ServeFixed(ctx, l, "reviews") })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	if res, body := do(t, &http.Client{Transport: tr}, r); res.Status != 200 || body != "reviews" {
		t.Errorf("%d %q", res.Status, body)
	}
	m.stop()
}

func TestOwnLimitsAreNotTheInstancesFault(t *testing.T) {
	entered, release := make(chan struct{}, 3), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	m := newMesh(t, meshConfig{policy: mesh.Policy{Limits: mesh.Limits{Connections: 1, Pending: 1}}},
		app{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			entered <- struct{}{}
			<-release
		})})
	c := m.client(t)
	var waiting sync.WaitGroup
	waiting.Go(func() { do(t, c, request(t, "GET", "/first", nil)) })
	<-entered
	var overflowed atomic.Int32
	for range 4 {
		waiting.Go(func() {
			if res, _ := do(t, c, request(t, "GET", "/", nil)); res.Status != 200 {
				wantFault(t, res, 503, "UO", "")
				if overflowed.Add(1) == 3 {
					letGo()
				}
			}
		})
	}
	waiting.Wait()
	if overflowed.Load() != 3 {
		t.Errorf("%d of 4 found no place", overflowed.Load())
	}
}

func TestBodyStillComingIsSentAgain(t *testing.T) {
	var n atomic.Int32
	m := newMesh(t, meshConfig{routes: everywhere(0, &mesh.Retry{Attempts: 1, On: []string{"5xx"}})},
		app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == 1 { // answers before the body has come
				http.NewResponseController(w).EnableFullDuplex() //nolint:errcheck // HTTP/2 always is
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			copyTo(w, r.Body)
		})})
	for name, c := range map[string]*http.Client{"http/1.1": m.client(t), "h2": m.client2(t)} {
		n.Store(0)
		src, say := io.Pipe()
		go func() {
			fmt.Fprint(say, "first ")
			<-time.After(50 * time.Millisecond)
			fmt.Fprint(say, "second")
			say.Close()
		}()
		res, body := do(t, c, request(t, "PUT", "/", src))
		if res.Status != 200 || body != "first second" || n.Load() != 2 {
			t.Errorf("%s: %d %q after %d tries", name, res.Status, body, n.Load())
		}
	}
}

func TestTracesAreTakenUpOrStarted(t *testing.T) {
	seen := make(chan string, 1)
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Traceparent") + " " + r.Header.Get("Tracestate")
	})})
	c := m.client(t)
	for i, in := range []struct{ name, value, trace, parent string }{
		{"B3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"},
		{"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"},
		{"Traceparent", "nonsense", "", "0000000000000000"},
		{"X-Other", "1", "", "0000000000000000"},
	} {
		r := request(t, "GET", "/", nil)
		r.Header.Set(in.name, in.value)
		r.Header.Set("Tracestate", "vendor=1")
		do(t, c, r)
		out, inbound, app := m.records.await(t, i), m.sidecars[0].records.await(t, i), <-seen
		if in.trace != "" && out.Trace.ID.String() != in.trace || out.Trace.ID == (emit.TraceID{}) || out.ParentID.String() != in.parent {
			t.Errorf("%s: trace %v, parent %v", in.value, out.Trace.ID, out.ParentID)
		}
		want := inbound.Trace.Traceparent() + " "
		if in.name == "Traceparent" && in.trace != "" { // else the tracestate is of a trace that nobody knows
			want += "vendor=1"
		}
		if app != want {
			t.Errorf("%s: the app got %q, want %q", in.value, app, want)
		}
	}
}

func TestRefusalKeepsTheConnectionIfItCan(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "ok"))
	got := m.raw(t, "POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 3\r\n\r\nabc"+
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"+
		"HEAD / HTTP/1.1\r\nHost: nobody\r\n\r\n"+
		"GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n")
	at := 0
	for _, want := range []string{"HTTP/1.1 404 ", "HTTP/1.1 404 ", "HTTP/1.1 404 ", "HTTP/1.1 200 "} {
		next := strings.Index(got[at:], want)
		if next < 0 {
			t.Fatalf("no %q in its turn in %q", want, got)
		}
		at += next + 1
	}
	if strings.Count(got, "sightline: ") != 2 {
		t.Errorf("a HEAD got a body: %q", got)
	}
}
