package http1

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

const plain = "POST /productpage?u=normal HTTP/1.1\r\nHost: productpage:9080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en\r\nCookie: session=0123456789abcdef\r\n" +
	"X-Request-Id: 3f0f3a5e-7f57-4e4c-9a4e-6f1b7d9f2c11\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n" +
	"Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"product\":\"42\"}"

// forwarding is the plain path: read, edit and write a request, body included.
func forwarding(tb testing.TB) (once func()) {
	var (
		src bytes.Reader
		r   Reader
		w   Writer
		q   Request
	)
	in := []byte(plain)
	r.Reset(&src)
	w.Reset(io.Discard)
	return func() {
		src.Reset(in)
		if err := r.ReadRequest(&q); err != nil {
			tb.Fatal(err)
		}
		q.Clean()
		q.Set(Traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		writeErr := w.Request(&q)
		_, readErr, copyErr := Copy(&w, &r)
		if err := errors.Join(writeErr, readErr, copyErr, w.End(nil), w.Flush()); err != nil {
			tb.Fatal(err)
		}
		w.Finish()
		r.Finish()
	}
}

func BenchmarkForward(b *testing.B) {
	once := forwarding(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		once()
	}
}
