package serve

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mirror answers each request with its own bytes as they came: the head, and the body
// as it was framed.
func mirror() app {
	return tcpApp(func(c *net.TCPConn) {
		var raw bytes.Buffer
		in := bufio.NewReader(io.TeeReader(c, &raw))
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			discard(r.Body)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", raw.Len(), raw.Bytes())
			raw.Reset()
		}
	})
}

// ownLines takes out the fields that the sidecars add and returns the rest as it is.
func ownLines(raw string) (lines []string) {
	for line := range strings.SplitSeq(raw, "\r\n") {
		if !strings.HasPrefix(line, "traceparent: ") && !strings.HasPrefix(line, "x-request-id: ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// What an app gets is what was sent, byte by byte, but for what a proxy has to change.
func TestRequestsReachTheAppAsTheyWere(t *testing.T) {
	m := newMesh(t, meshConfig{}, mirror())
	for name, c := range map[string]struct{ sent, want string }{
		"order, case and repetition": {
			"GET /A?b=%7e HTTP/1.1\r\nHOST: reviews\r\nX-b: 2\r\nx-A: 1\r\nCookie: a=b\r\nX-B: 3\r\ncookie: c=d\r\n\r\n",
			"GET /A?b=%7e HTTP/1.1\r\nHOST: reviews\r\nX-b: 2\r\nx-A: 1\r\nCookie: a=b\r\nX-B: 3\r\ncookie: c=d\r\n\r\n",
		},
		"blanks in values, obs-text": {
			"GET / HTTP/1.1\r\nHost: reviews\r\nA:b\r\nC: \t d \t\r\nE:\r\nF: caf\xe9\xff\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: reviews\r\nA:b\r\nC: \t d \t\r\nE:\r\nF: caf\xe9\xff\r\n\r\n",
		},
		"length 0": {
			"POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: reviews\r\nContent-Length: 0\r\n\r\n",
		},
		"no length": {
			"POST / HTTP/1.1\r\nHost: reviews\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: reviews\r\n\r\n",
		},
		"chunks and trailers": {
			"POST / HTTP/1.1\r\nHost: reviews\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: reviews\r\nTrailer: X-Sum\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
		},
		"HTTP/1.0": {
			"GET /a HTTP/1.0\r\nHost: reviews\r\nConnection: keep-alive\r\n\r\n",
			"GET /a HTTP/1.1\r\nHost: reviews\r\n\r\n",
		},
		"absolute target and another host": {
			"GET http://reviews:80/a HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n",
			"GET /a HTTP/1.1\r\nX: y\r\nhost: reviews:80\r\n\r\n",
		},
		"TE: trailers": {
			"GET / HTTP/1.1\r\nHost: reviews\r\nTE: trailers\r\nConnection: te\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: reviews\r\nte: trailers\r\nconnection: te\r\n\r\n",
		},
		"TE of other kinds": {
			"GET / HTTP/1.1\r\nHost: reviews\r\nTE: trailers, deflate;q=0.5\r\nConnection: te\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: reviews\r\n\r\n",
		},
		"an expectation of another kind": {
			"GET / HTTP/1.1\r\nHost: reviews\r\nExpect: the unexpected\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: reviews\r\nExpect: the unexpected\r\n\r\n",
		},
		"upgrade": {
			"GET / HTTP/1.1\r\nHost: reviews\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: reviews\r\nSec-WebSocket-Key: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := m.connect(t)
			send(t, c0, c.sent)
			res, err := http.ReadResponse(bufio.NewReader(c0), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(c.want, "\r\n"), ownLines(string(got))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a client gets is what was answered, but for what a proxy has to change.
func TestAnswersReachTheClientAsTheyWere(t *testing.T) {
	const chunks = "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n"
	for name, c := range map[string]struct{ version, answer, want string }{
		"order, case and repetition": {
			"1.1", "HTTP/1.1 200 Fine\r\nSet-Cookie: a=b\r\nX-Z: 1\r\nset-cookie: c=d; Path=/\r\nx-a: caf\xe9\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 Fine\r\nSet-Cookie: a=b\r\nX-Z: 1\r\nset-cookie: c=d; Path=/\r\nx-a: caf\xe9\r\nContent-Length: 2\r\n\r\nok",
		},
		"chunks and trailers": {
			"1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunks,
			"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\ntransfer-encoding: chunked\r\n\r\n" + chunks,
		},
		"chunks to HTTP/1.0": {
			"1.0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
			"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcde",
		},
		"until close": {
			"1.1", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello",
			"HTTP/1.1 200 OK\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		},
		"until close to HTTP/1.0": {
			"1.0", "HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello",
			"HTTP/1.1 200 OK\r\nX: y\r\nconnection: close\r\n\r\nhello",
		},
		"nothing until close": {
			"1.1", "HTTP/1.1 200 OK\r\n\r\n",
			"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
		},
		"several early answers": {
			"1.1", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
			"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		},
		"early answers to HTTP/1.0": {
			"1.0", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: close\r\n\r\nok",
		},
		"a hundred nobody asked for": {
			"1.1", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		},
		"hop-by-hop": {
			"1.1", "HTTP/1.1 200 OK\r\nConnection: keep-alive, x-one\r\nKeep-Alive: timeout=5\r\nX-One: 1\r\nX-Two: 2\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nX-Two: 2\r\nContent-Length: 0\r\n\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMesh(t, meshConfig{}, scripted(t, c.answer))
			c0 := m.connect(t)
			send(t, c0, "GET / HTTP/"+c.version+"\r\nHost: reviews\r\n\r\n")
			got := make([]byte, len(c.want))
			if n, err := io.ReadFull(c0, got); err != nil {
				t.Errorf("%v after %q", err, got[:n])
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
			must(t, c0.CloseWrite())
			if more, _ := io.ReadAll(c0); len(more) > 0 {
				t.Errorf("and %q", more)
			}
		})
	}
}

// A client that waits for a 100 and gets the answer itself does not send its body.
func TestExpectationsInOtherShapes(t *testing.T) {
	m := newMesh(t, meshConfig{}, tcpApp(func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		switch r.URL.Path {
		case "/never": // says no 100, but takes the body if it comes
			discard(r.Body)
			send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		case "/at-once":
			send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		}
	}))
	for name, c := range map[string]struct{ path, framing, body string }{
		"length, sent without a 100": {"/never", "Content-Length: 5", "hello"},
		"chunks, sent without a 100": {"/never", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"},
		"length, never sent":         {"/at-once", "Content-Length: 5", ""},
		"chunks, never sent":         {"/at-once", "Transfer-Encoding: chunked", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := m.connect(t)
			send(t, c0, "POST "+c.path+" HTTP/1.1\r\nHost: reviews\r\nExpect: 100-Continue\r\n"+c.framing+"\r\n\r\n")
			if c.body != "" {
				<-time.After(30 * time.Millisecond) // as a client that has waited long enough
				send(t, c0, c.body)
			}
			res, err := http.ReadResponse(bufio.NewReader(c0), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			// A body that never came leaves the connection at odds: it has to end.
			if body, err := io.ReadAll(res.Body); string(body) != "ok" || err != nil || res.Close != (c.body == "") {
				t.Errorf("got %v %q, %v", res, body, err)
			}
		})
	}
}

// An app that switches protocols gets and gives bytes at once, and an end of one side
// is the end of that side only.
func TestTunnelEndsSideBySide(t *testing.T) {
	m := newMesh(t, meshConfig{}, app{listen: func(l net.Listener) {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		send(t, c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
		line, err := in.ReadString('\n')
		must(t, err)
		send(t, c, "app: "+line)
		must(t, c.(*net.TCPConn).CloseWrite()) // it says no more, but listens
		rest, err := io.ReadAll(in)
		if err != nil || string(rest) != "to the last" {
			t.Errorf("the app got %q, %v", rest, err)
		}
	}})
	c := m.connect(t)
	send(t, c, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil) //nolint:bodyclose // a 101 has none
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Upgrade") != "echo" {
		t.Fatalf("%v, %v", res, err)
	}
	send(t, c, "hello\n")
	if got, err := io.ReadAll(in); string(got) != "app: hello\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	send(t, c, "to the last")
	must(t, c.CloseWrite())
	for _, side := range []*records{m.records, m.sidecars[0].records} {
		if rec := side.await(t, 0); rec.Status != 101 || rec.BytesIn != 17 || rec.BytesOut != 11 {
			t.Errorf("record %+v", rec)
		}
	}
}

func TestDrainEndsTunnelsInTime(t *testing.T) {
	m := newMesh(t, meshConfig{drain: 200 * time.Millisecond}, tcpApp(func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		if _, err := http.ReadRequest(in); err == nil {
			send(t, c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
			copyTo(c, in)
		}
	}))
	c := m.connect(t)
	send(t, c, "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
	in := bufio.NewReader(c)
	if _, err := http.ReadResponse(in, nil); err != nil { //nolint:bodyclose // a 101 has none
		t.Fatal(err)
	}
	if _, err := io.ReadFull(in, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	m.stop()
	if _, err := in.ReadByte(); err == nil || errors.Is(err, io.ErrNoProgress) {
		t.Error("the tunnel goes on")
	}
	if took := time.Since(began); took > soon/2 {
		t.Errorf("it took %v", took)
	}
}
