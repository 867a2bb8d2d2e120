package http1

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResponseRead(t *testing.T) {
	type result struct {
		Status    int
		Framing   Framing
		Body      string
		Rest      string
		KeepAlive bool
	}
	cases := []struct {
		name, method, in string
		want             result
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP", result{200, Length, "ok", "HTTP", true}},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", result{200, Chunked, "ok", "", true}},
		{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nok", result{200, UntilClose, "ok", "", false}},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", result{200, Length, "", "", true}},
		{"to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP", result{200, NoBody, "", "HTTP", true}},
		{"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\nHTTP", result{204, NoBody, "", "HTTP", true}},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP", result{304, NoBody, "", "HTTP", true}},
		{"interim", "POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP", result{100, NoBody, "", "HTTP", true}},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", result{200, Length, "ok", "", false}},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", result{200, Length, "ok", "", false}},
		{"1.0 keep-alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", result{200, Length, "ok", "", true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var r Reader
			r.Reset(strings.NewReader(c.in))
			var p Response
			if err := r.ReadResponse(&p, c.method); err != nil {
				t.Fatal(err)
			}
			got := result{Status: p.Status, Framing: p.Framing, KeepAlive: p.KeepAlive}
			for piece, err := r.Next(); !errors.Is(err, io.EOF); piece, err = r.Next() {
				if err != nil {
					t.Fatal(err)
				}
				got.Body += string(piece)
			}
			got.Rest = string(r.Buffered())
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResponseRefused(t *testing.T) {
	for name, in := range map[string]string{
		"no status":         "HTTP/1.1 OK\r\n\r\n",
		"four digits":       "HTTP/1.1 2000 OK\r\n\r\n",
		"status 099":        "HTTP/1.1 099 OK\r\n\r\n",
		"status 600":        "HTTP/1.1 600 OK\r\n\r\n",
		"other protocol":    "ICY 200 OK\r\n\r\n........",
		"version 2":         "HTTP/2.0 200 OK\r\n\r\n",
		"bare LF":           "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"CR in reason":      "HTTP/1.1 200 O\rK\r\n\r\n",
		"length and coding": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
		"folded line":       "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	} {
		var r Reader
		r.Reset(strings.NewReader(in))
		var p Response
		if err := r.ReadResponse(&p, "GET"); err == nil {
			t.Errorf("%s: no error", name)
		} else if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: %v is not an *Error", name, err)
		}
	}
}

func TestMessageCutShort(t *testing.T) {
	for _, in := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n",
	} {
		var r Reader
		r.Reset(strings.NewReader(in))
		var p Response
		if err := r.ReadResponse(&p, "GET"); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, ErrBodyCut) {
			t.Errorf("%q: %v, want ErrBodyCut", in, err)
		}
	}
	var r Reader
	r.Reset(strings.NewReader("HTTP/1.1 200 OK\r\nConte"))
	if err := r.ReadResponse(new(Response), "GET"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut head: %v", err)
	}
}

func TestHeadsAreSplicedAtWrite(t *testing.T) {
	var r Reader
	r.Reset(strings.NewReader("GET http://b/x HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nConnection: x-two, te\r\nX-Two: 2\r\nTE: trailers\r\nx-three:3\r\n\r\n"))
	var q Request
	if err := r.ReadRequest(&q); err != nil {
		t.Fatal(err)
	}
	q.Clean()
	q.Set(Traceparent, "00-1")
	q.Set(Traceparent, "00-2")
	for range 2 { // a second try writes the same
		var out bytes.Buffer
		var w Writer
		w.Reset(&out)
		if err := errors.Join(w.Request(&q), w.End(nil), w.Flush()); err != nil {
			t.Fatal(err)
		}
		want := "GET /x HTTP/1.1\r\nX-One: 1\r\nx-three:3\r\nhost: b\r\nte: trailers\r\nconnection: te\r\ntraceparent: 00-2\r\n\r\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
		if !w.Complete() || w.Sent() != uint64(len(want)) {
			t.Errorf("complete %v, sent %d", w.Complete(), w.Sent())
		}
	}
}

func TestUpgradesArePassedOnButNotToHTTP2(t *testing.T) {
	for protocol, want := range map[string]string{"websocket": "websocket", "h2c": "", "websocket, H2C": ""} {
		var r Reader
		r.Reset(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol + "\r\nHTTP2-Settings: x\r\n\r\n"))
		var q Request
		if err := r.ReadRequest(&q); err != nil {
			t.Fatal(err)
		}
		q.Clean()
		var out bytes.Buffer
		var w Writer
		w.Reset(&out)
		if err := errors.Join(w.Request(&q), w.Flush()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "pgrade"); q.Upgrade != want || got != (want != "") {
			t.Errorf("%s: upgrade %q in %q", protocol, q.Upgrade, out.String())
		}
	}
}

func TestWriterKeepsToTheLength(t *testing.T) {
	var w Writer
	w.Reset(io.Discard)
	w.framing, w.left = Length, 3
	if err := w.Data([]byte("abcd")); !errors.Is(err, ErrBodyLength) {
		t.Errorf("too long: %v", err)
	}
	if err := w.End(nil); !errors.Is(err, ErrBodyLength) {
		t.Errorf("too short: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	for _, toHead := range []bool{false, true} {
		var out bytes.Buffer
		var w Writer
		w.Reset(&out)
		a := Answer{Status: 503, Fields: []string{"x-a", "b"}, Body: "no\n", ToHead: toHead, CloseAfter: true}
		if err := errors.Join(w.Answer(&a), w.Flush()); err != nil {
			t.Fatal(err)
		}
		want := "HTTP/1.1 503 Service Unavailable\r\nx-a: b\r\ncontent-length: 3\r\nconnection: close\r\n\r\n"
		if !toHead {
			want += "no\n"
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCopyKeepsBodiesOfAllSizesAndFramings(t *testing.T) {
	for _, size := range []int{0, 1, 5000, 8192, 40_000, 300_000} {
		body := strings.Repeat("x", size)
		for _, framing := range []Framing{Length, Chunked, UntilClose} {
			var middle, end bytes.Buffer
			write := func(dst io.Writer, f Framing, body io.Reader) {
				var w Writer
				w.Reset(dst)
				w.framing, w.left = f, uint64(size)
				buf := make([]byte, 3000)
				for {
					n, err := body.Read(buf)
					if n > 0 {
						if err := w.Data(buf[:n]); err != nil {
							t.Fatal(err)
						}
					}
					if errors.Is(err, io.EOF) {
						break
					}
				}
				if err := errors.Join(w.End([]byte("A: b\r\n")), w.Flush()); err != nil {
					t.Fatal(err)
				}
			}
			write(&middle, framing, strings.NewReader(body))
			var r Reader
			r.Reset(&middle)
			r.body = body0(framing, size)
			var w Writer
			w.Reset(&end)
			w.framing = UntilClose
			n, readErr, writeErr := Copy(&w, &r)
			if err := errors.Join(readErr, writeErr, w.Flush()); err != nil || n != uint64(size) || end.String() != body {
				t.Errorf("size %d framing %d: %d bytes copied, %d came out: %v", size, framing, n, end.Len(), err)
			}
		}
	}
}

func body0(f Framing, size int) body { return body{framing: f, left: uint64(size)} }
