package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/proxy/http1/corpus"
)

// passOn forwards requests as a proxy does, until there are no more or a bad one, and
// tells of those that it forwarded whole.
func passOn(src io.Reader, dst io.Writer) (told []string) {
	var (
		r Reader
		w Writer
		q Request
	)
	r.Reset(src)
	w.Reset(dst)
	defer r.Close()
	defer w.Close()
	for r.Await() == nil {
		if r.ReadRequest(&q) != nil || q.Method == http.MethodConnect {
			return told
		}
		path, framing := strings.Clone(q.Path), q.Framing
		q.Clean()
		q.Set(Traceparent, "00-0")
		if w.Request(&q) != nil {
			return told
		}
		n, readErr, writeErr := Copy(&w, &r)
		if errors.Join(readErr, writeErr, w.End(r.Trailers()), w.Flush()) != nil {
			return told
		}
		told = append(told, fmt.Sprint(q.Method, " ", path, " ", n, framing == Chunked))
		w.Finish()
		if !q.KeepAlive {
			return told
		}
		r.Finish()
	}
	return told
}

// FuzzConnection checks that whatever a client sends on one connection, the next hop
// sees just the requests that were forwarded: the same number, targets and bodies, and
// nothing else, however the bytes arrive.
func FuzzConnection(f *testing.F) {
	cases, err := corpus.Load("testdata/corpus")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		if len(c.Sent) < 4096 {
			f.Add(c.Sent)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		told := passOn(bytes.NewReader(in), &out)
		if diff := cmp.Diff(told, passOn(iotest.OneByteReader(bytes.NewReader(in)), io.Discard)); diff != "" {
			t.Errorf("byte by byte: %s", diff)
		}
		next := bufio.NewReader(&out)
		for i, want := range told {
			r, err := http.ReadRequest(next)
			if err != nil {
				if odd(want) {
					return
				}
				t.Fatalf("request %d, %s: net/http refuses what was passed on: %v", i, want, err)
			}
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				t.Fatalf("request %d, %s: net/http refuses the body: %v", i, want, err)
			}
			if got := fmt.Sprint(r.Method, " ", r.RequestURI, " ", n, len(r.TransferEncoding) > 0); got != want {
				t.Fatalf("request %d: net/http sees %s, forwarded was %s", i, got, want)
			}
		}
	})
}

// odd is a target that net/http refuses, such as one with a bad escape.
func odd(told string) bool {
	_, target, _ := strings.Cut(told, " ")
	target = target[:strings.LastIndexByte(target, ' ')]
	_, err := http.NewRequest(http.MethodGet, "http://host"+target, nil)
	return err != nil || target == "*"
}

// FuzzTrailers checks that trailers that are accepted are fields to others too, and
// that none of them frames or routes a message.
func FuzzTrailers(f *testing.F) {
	for _, s := range []string{"", "A: b\r\n", "A: b\r\nC:\r\n", "A: b\r\n c\r\n", "Content-Length: 3\r\n", "A : b\r\n", "A: \x00\r\n", "a_b:\tc\t\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_, trailers, err := chunks([]byte("0\r\n" + string(in) + "\r\n"))
		if err != nil || trailers == "" {
			return
		}
		h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(trailers + "\r\n"))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("net/textproto refuses %q: %v", trailers, err)
		}
		lines := 0
		for name, values := range h {
			lines += len(values)
			switch name {
			case "Content-Length", "Transfer-Encoding", "Host", "Connection":
				t.Errorf("%s among the trailers %q", name, trailers)
			}
		}
		if lines != strings.Count(trailers, "\r\n") {
			t.Errorf("%d fields in %q", lines, trailers)
		}
	})
}
