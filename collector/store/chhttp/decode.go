package chhttp

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// maxWindow bounds the memory that a zstd body may ask for.
const maxWindow = 64 << 20

// decode undoes the body's Content-Encoding and ClickHouse's own framing.
func decode(r *http.Request, values url.Values) (io.Reader, error) {
	body, err := decodeHTTP(r)
	if err != nil {
		return nil, err
	}
	if truthy(values.Get("decompress")) {
		buffered := bufio.NewReader(body)
		body = &blocks{source: buffered, inner: compress.NewReader(buffered)}
	}
	return body, nil
}

func decodeHTTP(r *http.Request) (io.Reader, error) {
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		return checked(gzip.NewReader(r.Body))
	case "deflate":
		return checked(zlib.NewReader(r.Body))
	case "br":
		return brotli.NewReader(r.Body), nil
	case "lz4":
		return lz4.NewReader(r.Body), nil
	case "zstd":
		return checked(zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)))
	default:
		return nil, engine.NewError(codeNotImplemented, "NOT_IMPLEMENTED", "Unknown Content-Encoding "+strconv.Quote(encoding))
	}
}

// checked is r, or the exception for a body that does not begin as it says.
func checked[R io.Reader](r R, err error) (io.Reader, error) {
	if err != nil {
		return nil, badBody(err)
	}
	return r, nil
}

// blocks reads ClickHouse's framing. The inner reader takes a frame that breaks off
// right after its header for the end; here that is io.ErrUnexpectedEOF.
type blocks struct {
	source *bufio.Reader
	inner  *compress.Reader
}

func (b *blocks) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	_, peeked := b.source.Peek(1)
	n, err := b.inner.Read(p)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, err
	case errors.Is(peeked, io.EOF):
		return n, io.EOF
	}
	return n, io.ErrUnexpectedEOF
}
