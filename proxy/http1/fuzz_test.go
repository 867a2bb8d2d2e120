package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var requestSeeds = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /a?b HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\nConnection: close, x\r\nX: y\r\n\r\nabc",
	"POST http://b/c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\nrest",
	"\r\nOPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
}

// FuzzRequest checks that what is accepted means the same to net/http: the same
// method, target, fields, body and trailers, and the same end of the message.
func FuzzRequest(f *testing.F) {
	for _, s := range requestSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		q, body, trailers, rest, err := readAll(bytes.NewReader(in))
		if err != nil {
			return
		}
		theirs := bufio.NewReader(bytes.NewReader(in))
		r, err := http.ReadRequest(theirs)
		if err != nil {
			if tolerated(&q) {
				return
			}
			t.Fatalf("net/http refuses: %v", err)
		}
		want, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatalf("net/http refuses the body: %v", err)
		}
		if q.Method != r.Method || body != string(want) {
			t.Errorf("method %q and body %q, net/http %q and %q", q.Method, body, r.Method, want)
		}
		if q.Authority != "" && !strings.EqualFold(q.Authority, r.Host) {
			t.Errorf("authority %q, net/http %q", q.Authority, r.Host)
		}
		if theirRest, _ := io.ReadAll(theirs); len(rest) != len(theirRest) && trailers == "" {
			t.Errorf("%q is left, net/http leaves %q", rest, theirRest)
		}
		sameOneByOne(t, in, body)
	})
}

// tolerated is what net/http refuses for reasons other than framing.
func tolerated(q *Request) bool {
	_, err := http.NewRequest(q.Method, "http://host"+q.Path, nil)
	return err != nil || q.Method == http.MethodConnect || q.Authority != q.Get(Host) || q.Path == "*"
}

// sameOneByOne checks that it does not matter how the bytes arrive.
func sameOneByOne(t *testing.T, in []byte, body string) {
	_, again, _, _, err := readAll(iotest.OneByteReader(bytes.NewReader(in)))
	if err != nil || again != body {
		t.Errorf("byte by byte: %v, %q, want %q", err, again, body)
	}
}

// FuzzResponse checks the same for responses.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\nX: y\r\n\r\nuntil the end",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var r Reader
		r.Reset(bytes.NewReader(in))
		var p Response
		if err := r.ReadResponse(&p, "GET"); err != nil {
			return
		}
		var body []byte
		for {
			piece, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			body = append(body, piece...)
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), &http.Request{Method: http.MethodGet})
		if err != nil {
			return // net/http wants more of a reason phrase and of field values
		}
		defer res.Body.Close()
		want, err := io.ReadAll(res.Body)
		if err != nil || p.Status != res.StatusCode || !bytes.Equal(body, want) {
			t.Errorf("status %d body %q, net/http %d %q %v", p.Status, body, res.StatusCode, want, err)
		}
	})
}

// FuzzChunks checks that chunks written anew say the same.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("3;ext=\"x\"\r\nabc\r\nff\r\n"))
	f.Add([]byte("0\r\nA: b\r\nC: d\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		first, trailers, err := chunks(in)
		if err != nil {
			if _, ours := errors.AsType[*Error](err); !ours && !errors.Is(err, ErrBodyCut) {
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		var again bytes.Buffer
		var w Writer
		w.Reset(&again)
		w.framing = Chunked
		if err := errors.Join(w.Data([]byte(first)), w.End([]byte(trailers)), w.Flush()); err != nil {
			t.Fatal(err)
		}
		second, trailers2, err := chunks(again.Bytes())
		if err != nil {
			t.Fatalf("our own chunks: %v", err)
		}
		if diff := cmp.Diff([]string{first, trailers}, []string{second, trailers2}); diff != "" {
			t.Error(diff)
		}
	})
}

func chunks(in []byte) (body, trailers string, err error) {
	var r Reader
	r.Reset(bytes.NewReader(in))
	r.body.framing = Chunked
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return body, string(r.Trailers()), nil
		}
		if err != nil {
			return "", "", err
		}
		body += string(p)
	}
}
