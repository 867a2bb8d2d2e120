package serve

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/listen"
)

// little is the patience of a sidecar that has little, and yet more than what comes at once needs
// on a busy machine.
const little = 700 * time.Millisecond

// impatient serves the app's side of the mesh with little patience, on another port.
func (m *testMesh) impatient(t testing.TB) {
	t.Helper()
	l := loopback(t)
	server := listen.New(listen.Config{Head: little, Body: little, Every: 10 * time.Millisecond},
		func(ctx context.Context, c *listen.Conn) { serveH1(ctx, c, c.Conn, m.out.http("", 0)) })
	run(t, func(ctx context.Context) error { return server.Serve(ctx, l) })
	m.addr = l.Addr().String()
}

func TestSlowRequestsAreAnsweredAndEnd(t *testing.T) {
	head := "POST /a HTTP/1.1\r\nHost: reviews\r\n"
	for name, in := range map[string]string{
		"head":         "GET / HTT",
		"fields":       "GET / HTTP/1.1\r\nHost: reviews\r\nX",
		"short body":   head + "Content-Length: 5\r\n\r\nhe",
		"large body":   head + "Content-Length: 500000\r\n\r\n" + strings.Repeat("x", 20_000),
		"chunk":        head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
		"size":         head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
		"trailers":     head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nX: y\r\n",
		"no body":      head + "Content-Length: 5\r\n\r\n",
		"expectation":  head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
		"second, head": "GET /b HTTP/1.1\r\nHost: nobody\r\n\r\nGET / HTT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t, meshConfig{}, app{Handler: &seen{}})
			m.impatient(t)
			got := m.raw(t, in) // to the end of the connection
			for strings.HasPrefix(got, "HTTP/1.1 404 ") || strings.HasPrefix(got, "HTTP/1.1 100 ") {
				_, got, _ = strings.Cut(got[1:], "HTTP/1.1 ")
				got = "HTTP/1.1 " + got
			}
			rec := m.records.await(t, strings.Count(in, "nobody"))
			if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, "request did not come in time") || rec.Flags != "SI" || rec.Status != 408 {
				t.Errorf("got %.200q, record %+v", got, rec)
			}
		})
	}
}

// A client may be silent for as long as it likes when its answer has begun.
func TestBodyMayPauseOnceItsAnswerHasBegun(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(converse)})
	m.impatient(t)
	c := m.connect(t)
	send(t, c, "POST / HTTP/1.1\r\nHost: reviews\r\nTransfer-Encoding: chunked\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-time.After(2 * little)
	send(t, c, "6\r\nhello\n\r\n0\r\n\r\n")
	if got, err := io.ReadAll(res.Body); string(got) != "you said hello\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
