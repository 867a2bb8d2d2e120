package chhttp

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// frameSize is how much goes into one frame of ClickHouse's framing.
const frameSize = 1 << 20

// encoder is the way into the body that the client asked for: ClickHouse's own
// framing with compress=1, else the first known Accept-Encoding. It sets
// Content-Encoding, so it comes before the status.
func encoder(w http.ResponseWriter, r *http.Request) io.WriteCloser {
	values := r.URL.Query()
	if truthy(values.Get("compress")) {
		method := compress.LZ4
		if strings.EqualFold(values.Get("network_compression_method"), "ZSTD") {
			method = compress.ZSTD
		}
		return &blockWriter{w: w, c: compress.NewWriter(compress.LevelZero, method)}
	}
	if values.Get("enable_http_compression") == "0" {
		return plain{w}
	}
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, _, _ = strings.Cut(strings.TrimSpace(coding), ";")
		if e := newEncoder(w, coding); e != nil {
			w.Header().Set("Content-Encoding", coding)
			w.Header().Set("Vary", "Accept-Encoding")
			return e
		}
	}
	return plain{w}
}

func newEncoder(w io.Writer, coding string) io.WriteCloser {
	switch coding {
	case "gzip":
		return gzip.NewWriter(w)
	case "deflate":
		return zlib.NewWriter(w)
	case "br":
		return brotli.NewWriterLevel(w, brotli.BestSpeed)
	case "zstd":
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err == nil {
			return z
		}
	}
	return nil
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// blockWriter writes ClickHouse's framing.
type blockWriter struct {
	w io.Writer
	c *compress.Writer
}

func (b *blockWriter) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		part := p[n:min(n+frameSize, len(p))]
		if err := b.c.Compress(part); err != nil {
			return n, err
		}
		if _, err := b.w.Write(b.c.Data); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

func (*blockWriter) Close() error { return nil }
