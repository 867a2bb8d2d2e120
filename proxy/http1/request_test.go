package http1

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readAll reads one request and its body from the bytes, and what is left over.
func readAll(src io.Reader) (q Request, body, trailers, rest string, err error) {
	var r Reader
	r.Reset(src)
	if err := r.ReadRequest(&q); err != nil {
		return q, "", "", "", err
	}
	var got []byte
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return q, string(got), string(r.Trailers()), string(r.Buffered()), nil
		}
		if err != nil {
			return q, string(got), "", "", err
		}
		got = append(got, p...)
	}
}

func TestRequestRefused(t *testing.T) {
	cases := []struct {
		name, in string
		status   int
		reason   string
	}{
		{"length and coding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "both content-length and transfer-encoding"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "more than one content-length"},
		{"equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "more than one content-length"},
		{"length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400, "is not a number"},
		{"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400, "is not a number"},
		{"hex length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400, "is not a number"},
		{"empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, "is not a number"},
		{"huge length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n", 400, "is not a number"},
		{"other coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "not just chunked"},
		{"identity coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501, "not just chunked"},
		{"two codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "more than one transfer-encoding"},
		{"coding in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0"},
		{"vertical tab in coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n", 400, "control byte"},
		{"folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400, "folded"},
		{"fold at once", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "folded"},
		{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400, "CRLF"},
		{"bare LF in a field", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400, "CRLF"},
		{"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n", 400, "control byte"},
		{"bare CR in the line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"},
		{"blank before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "no proper name"},
		{"no colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400, "no proper name"},
		{"empty name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400, "no proper name"},
		{"bad name byte", "GET / HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n", 400, "no proper name"},
		{"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400, "control byte"},
		{"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n", 400, "no proper name"},
		{"DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", 400, "control byte"},
		{"no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", 400, "no host"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "more than one host"},
		{"user in host", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "not a host name"},
		{"path in host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "not a host name"},
		{"blank in host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "not a host name"},
		{"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"},
		{"blank in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "version"},
		{"tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method"},
		{"bad method", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method"},
		{"no version", "GET /\r\nHost: a\r\n\r\n", 400, "target"},
		{"version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version"},
		{"version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "version"},
		{"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, "version"},
		{"version with more", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "version"},
		{"relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "neither a path"},
		{"star for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "neither a path"},
		{"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "neither a path"},
		{"no authority", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no host"},
		{"query without path", "GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "no path"},
		{"large head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", maxHead) + "\r\n\r\n", 431, "larger than"},
		{"many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", maxFields) + "\r\n", 431, "more than 256"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, _, _, err := readAll(strings.NewReader(c.in))
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Status != c.status || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("got %d %q, want %d %q", e.Status, e.Reason, c.status, c.reason)
			}
		})
	}
}

func TestChunksRefused(t *testing.T) {
	head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, body := range map[string]string{
		"no size":              "\r\nabc\r\n0\r\n\r\n",
		"0x size":              "0x3\r\nabc\r\n0\r\n\r\n",
		"underscore":           "0_3\r\nabc\r\n0\r\n\r\n",
		"sign":                 "+3\r\nabc\r\n0\r\n\r\n",
		"blank before":         " 3\r\nabc\r\n0\r\n\r\n",
		"blank after":          "3 \r\nabc\r\n0\r\n\r\n",
		"overflow":             "10000000000000003\r\nabc\r\n0\r\n\r\n",
		"bare LF":              "3\nabc\r\n0\r\n\r\n",
		"bare LF after data":   "3\r\nabc\n0\r\n\r\n",
		"longer than size":     "3\r\nabcd\r\n0\r\n\r\n",
		"bare CR in extension": "3;a\rb\r\nabc\r\n0\r\n\r\n",
		"LF in extension":      "3;a\nb\r\nabc\r\n0\r\n\r\n",
		"long extension":       "3;" + strings.Repeat("a", 4000) + "\r\nabc\r\n0\r\n\r\n",
		"folded trailer":       "0\r\nA: b\r\n c\r\n\r\n",
		"length in trailers":   "0\r\nContent-Length: 3\r\n\r\n",
		"host in trailers":     "0\r\nHost: a\r\n\r\n",
		"bare LF at the end":   "0\r\n\n",
		"large trailers":       "0\r\nA: " + strings.Repeat("x", 20000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, _, err := readAll(strings.NewReader(head + body))
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("got %v, want an *Error", err)
			}
		})
	}
}

func TestRequestRead(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 5000)
	cases := []struct {
		name, in             string
		path, authority      string
		body, trailers, rest string
		keepAlive            bool
	}{
		{name: "get", in: "GET /a?b=c HTTP/1.1\r\nHost: shop:80\r\n\r\n", path: "/a?b=c", authority: "shop:80", keepAlive: true},
		{name: "empty line before", in: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", path: "/", authority: "a", keepAlive: true},
		{name: "length", in: "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\nabcGET", path: "/", authority: "a", body: "abc", rest: "GET", keepAlive: true},
		{name: "chunks", in: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET", path: "/", authority: "a", body: "abc0123456789", trailers: "X-Sum: 1\r\n", rest: "GET", keepAlive: true},
		{name: "close", in: "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", path: "/", authority: "a"},
		{name: "1.0", in: "GET / HTTP/1.0\r\n\r\n", path: "/"},
		{name: "1.0 keep-alive", in: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", path: "/", keepAlive: true},
		{name: "absolute", in: "GET http://b:81/x HTTP/1.1\r\nHost: a\r\n\r\n", path: "/x", authority: "b:81", keepAlive: true},
		{name: "absolute, no path", in: "GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", path: "/", authority: "b", keepAlive: true},
		{name: "star", in: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", path: "*", authority: "a", keepAlive: true},
		{name: "connect", in: "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", authority: "b:443", keepAlive: true},
		{name: "large body", in: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 80000\r\n\r\n" + big + "GET", path: "/", authority: "a", body: big, rest: "GET", keepAlive: true},
		{name: "large head", in: "GET / HTTP/1.1\r\nHost: a\r\nX: " + big[:60000] + "\r\n\r\n", path: "/", authority: "a", keepAlive: true},
		{name: "UTF-8 path", in: "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n", path: "/ä", authority: "a", keepAlive: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for how, src := range map[string]io.Reader{
				"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
			} {
				q, body, trailers, rest, err := readAll(src)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if q.Path != c.path || q.Authority != c.authority || q.KeepAlive != c.keepAlive {
					t.Errorf("%s: got %q %q keep-alive %v", how, q.Path, q.Authority, q.KeepAlive)
				}
				if diff := cmp.Diff([]string{c.body, c.trailers}, []string{body, trailers}); diff != "" {
					t.Errorf("%s: body and trailers: %s", how, diff)
				}
				if how == "at once" && !strings.HasPrefix(c.rest, rest) {
					t.Errorf("%s: rest %q, want the beginning of %q", how, rest, c.rest)
				}
			}
		})
	}
}

func TestPipelinedRequestsAreReadInTurn(t *testing.T) {
	var in bytes.Buffer
	for _, s := range []string{"a", strings.Repeat("b", 9000), "c", strings.Repeat("d", 40000), "e"} {
		in.WriteString("POST /" + s[:1] + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		var w Writer
		w.Reset(&in)
		w.framing = Chunked
		if err := errors.Join(w.Data([]byte(s)), w.End(nil), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	var r Reader
	r.Reset(&in)
	var got []string
	for {
		var q Request
		if err := r.Await(); errors.Is(err, io.EOF) {
			break
		}
		if err := r.ReadRequest(&q); err != nil {
			t.Fatal(err)
		}
		n := 0
		for p, err := r.Next(); !errors.Is(err, io.EOF); p, err = r.Next() {
			if err != nil {
				t.Fatal(err)
			}
			n += len(p)
		}
		got = append(got, strings.Clone(q.Path)+" "+strings.Repeat("i", n/9000))
		r.Finish()
	}
	if diff := cmp.Diff([]string{"/a ", "/b i", "/c ", "/d iiii", "/e "}, got); diff != "" {
		t.Error(diff)
	}
	if r.buf != nil {
		t.Error("an idle reader holds a buffer")
	}
}

// Reading on behind a bad chunk would find an end that the message does not have.
func TestBadChunkIsTheEnd(t *testing.T) {
	var r Reader
	r.Reset(strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"))
	if err := r.ReadRequest(new(Request)); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Next(); string(p) != "abc" || err != nil {
		t.Fatalf("read %q, %v", p, err)
	}
	for range 3 {
		_, err := r.Next()
		if _, bad := errors.AsType[*Error](err); !bad || r.Done() {
			t.Errorf("got %v, done %v", err, r.Done())
		}
	}
}
