package serve

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/emit"
)

// echo answers with the request's body, and its trailers.
func echo(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex() //nolint:errcheck // HTTP/2 always is
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Path", r.URL.RequestURI())
	w.Header().Set("Trailer", "X-Echo")
	copyTo(w, r.Body)
	w.Header().Set("X-Echo", r.Trailer.Get("X-Sum"))
}

// reply is a response that was read to its end.
type reply struct {
	Status          int
	Header, Trailer http.Header
}

func do(t testing.TB, c *http.Client, r *http.Request) (res reply, body string) {
	t.Helper()
	got, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	all, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{got.StatusCode, got.Header, got.Trailer}, string(all)
}

// send writes to a connection, or as an app's answer.
func send(t testing.TB, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Errorf("send %q: %v", s, err)
	}
}

// flush sends what an app has written so far.
func flush(w http.ResponseWriter) { http.NewResponseController(w).Flush() }

// copyTo copies until either side ends.
func copyTo(w io.Writer, r io.Reader) { io.Copy(w, r) } //nolint:errcheck // the other end of either says what went wrong

// discard reads a body to its end.
func discard(r io.Reader) { copyTo(io.Discard, r) }

// readRequest reads the head of a request.
func readRequest(c io.Reader) error {
	_, err := http.ReadRequest(bufio.NewReader(c))
	return err
}

func request(t testing.TB, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://reviews"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestsOfAllShapes(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(echo)})
	c := m.client(t)
	big := strings.Repeat("0123456789abcdef", 64<<10)
	for _, body := range []string{"", "hello", big[:9000], big[:70000], big} {
		for _, chunked := range []bool{false, true} {
			var src io.Reader = strings.NewReader(body)
			if chunked {
				src = io.MultiReader(src) // hides its length
			}
			r := request(t, "POST", "/a?b=c", src)
			if chunked {
				r.Trailer = http.Header{"X-Sum": {"42"}}
			}
			res, got := do(t, c, r)
			if res.Status != 200 || got != body {
				t.Errorf("%d bytes, chunked %v: status %d, %d bytes back", len(body), chunked, res.Status, len(got))
			}
			if got := res.Trailer.Get("X-Echo"); chunked && body != "" && got != "42" {
				t.Errorf("%d bytes: trailer %q, want 42", len(body), got)
			}
			if got := res.Header.Get("X-Path"); got != "/a?b=c" {
				t.Errorf("path %q", got)
			}
		}
	}
	res, _ := do(t, c, request(t, "HEAD", "/x", nil))
	if res.Status != 200 || res.Header.Get("X-Method") != "HEAD" {
		t.Errorf("HEAD: %d %v", res.Status, res.Header)
	}
}

func TestRecordsOfBothSides(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(echo)})
	r := request(t, "POST", "/a", strings.NewReader("hello"))
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("User-Agent", "tester")
	do(t, m.client(t), r)
	out, in := m.records.await(t, 0), m.sidecars[0].records.await(t, 0)
	if out.Trace.ID != in.Trace.ID || out.Trace.ID.String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("traces %v and %v", out.Trace.ID, in.Trace.ID)
	}
	if out.ParentID.String() != "b7ad6b7169203331" || in.ParentID != out.Trace.Span {
		t.Errorf("parents %v and %v, spans %v and %v", out.ParentID, in.ParentID, out.Trace.Span, in.Trace.Span)
	}
	if want := signal.TraceRequestID(out.Trace.ID.String()); out.RequestID != want || in.RequestID != want {
		t.Errorf("request ids %q and %q, want %q", out.RequestID, in.RequestID, want)
	}
	if out.Took <= 0 || out.FirstByte <= 0 || len(out.Tries) != 1 {
		t.Errorf("took %v, first byte %v, tries %v", out.Took, out.FirstByte, out.Tries)
	}
	for _, r := range []*emit.Record{&out, &in} {
		r.Trace, r.ParentID, r.RequestID, r.Took, r.Waited, r.FirstByte, r.Tries = emit.Trace{}, emit.SpanID{}, "", 0, 0, 0, nil
		r.Start = out.Start
	}
	want := emit.Record{
		Start: out.Start, Method: "POST", Path: "/a", Authority: "reviews", UserAgent: "tester", Protocol: "http/1.1",
		Status: 200, GRPCStatus: -1, GeneratedBy: "app", Route: out.Route, ConfigVersion: 7, MTLS: true, BytesIn: 5, BytesOut: 5,
		Peer: emit.Peer{Service: "reviews", Version: "v1", Instance: "reviews-1", Identity: reviewsIdentity},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("outbound: %s", diff)
	}
	want.Direction, want.Route, want.ConfigVersion, want.Peer = emit.Inbound, "", 0, emit.Peer{
		Service: "productpage", Identity: "spiffe://mesh.local/ns/default/sa/productpage",
	}
	want.Port = m.sidecars[0].in.apps[0].port
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("inbound: %s", diff)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.Path)
	})})
	var in strings.Builder
	for i := range 20 {
		fmt.Fprintf(&in, "POST /%02d HTTP/1.1\r\nHost: reviews\r\nContent-Length: 3\r\n\r\nabc", i)
	}
	in.WriteString("GET /end HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n")
	got := m.raw(t, in.String())
	at := 0
	for i := range 20 {
		next := strings.Index(got[at:], fmt.Sprintf("/%02d", i))
		if next < 0 {
			t.Fatalf("no answer %d in order in %q", i, got)
		}
		at += next
	}
	if !strings.HasSuffix(got, "/end") {
		t.Errorf("last answer missing: %q", got[at:])
	}
}

func TestHopByHopFieldsStayOnTheirHop(t *testing.T) {
	seen := make(chan http.Header, 1)
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		w.Header().Set("Connection", "x-private")
		w.Header().Set("X-Private", "1")
		w.Header().Set("X-Sightline-Reason", "made up")
	})})
	got := m.raw(t, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close, x-secret, traceparent\r\nX-Secret: 1\r\nX-Kept: 2\r\n"+
		"Keep-Alive: timeout=5\r\nProxy-Authorization: x\r\nTE: gzip\r\nProxy-Connection: keep-alive\r\n\r\n")
	h := <-seen
	for _, name := range []string{"X-Secret", "Keep-Alive", "Proxy-Authorization", "Te", "Proxy-Connection", "Connection"} {
		if h.Get(name) != "" {
			t.Errorf("the app got %s: %q", name, h.Get(name))
		}
	}
	if h.Get("X-Kept") != "2" || h.Get("Traceparent") == "" {
		t.Errorf("the app got %v", h)
	}
	for _, name := range []string{"X-Private", "X-Sightline-Reason"} {
		if strings.Contains(got, name) {
			t.Errorf("the client got %s: %q", name, got)
		}
	}
}

func TestOldClientsAndAbsoluteTargets(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flush(w) // no length: chunks in 1.1
		fmt.Fprintf(w, "%s %s", r.Host, r.URL)
	})})
	for in, want := range map[string]string{
		"GET /a HTTP/1.0\r\nHost: reviews\r\n\r\n":                                  "\r\n\r\nreviews /a",
		"GET http://reviews:80/b HTTP/1.0\r\nHost: other\r\n\r\n":                   "\r\n\r\nreviews:80 /b",
		"GET http://reviews/c HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n": "\r\n\r\na\r\nreviews /c\r\n0\r\n\r\n",
		"GET /d HTTP/1.0\r\nHost: REVIEWS.default.svc.cluster.local:8080\r\n\r\n":   "REVIEWS.default.svc.cluster.local:8080 /d",
		"GET /e HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\nX-Empty:\r\n\r\n": "reviews /e",
	} {
		if got := m.raw(t, in); !strings.Contains(got, want) {
			t.Errorf("%q:\ngot  %q\nwant %q", in, got, want)
		}
	}
}

func TestLargeBodyStreamsInBoundedMemory(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		fmt.Fprintf(w, "%d %x", n, h.Sum(nil))
	})})
	const size = 64 << 20
	h := sha256.New()
	src := io.TeeReader(io.LimitReader(pattern{}, size), h)
	_, got := do(t, m.client(t), request(t, "PUT", "/", src))
	if want := fmt.Sprintf("%d %x", size, h.Sum(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if rec := m.records.await(t, 0); rec.BytesIn != size {
		t.Errorf("BytesIn = %d", rec.BytesIn)
	}
}

// pattern is an endless body.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte("sightline"), len(p)/9+1)), nil
}
