package remote

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/snappy"
)

const (
	maxBody    = 8 << 20  // compressed
	maxMessage = 16 << 20 // decompressed; Prometheus' senders stay below 1 MiB
)

// refusal is an error with its status.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// readBody reads and decompresses a request's message.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// An absent encoding is snappy to 1.0.
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "snappy") {
		return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Errorf("Content-Encoding %q: want snappy", e)}
	}
	packed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("body: more than %d bytes; send fewer samples at once", tooLarge.Limit)}
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, fmt.Errorf("read body: %w", err)}
	}
	return unpack(packed)
}

func unpack(packed []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, fmt.Errorf("decompress body: %w", err)}
	}
	if n > maxMessage {
		return nil, &refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("message: %d bytes; want at most %d", n, maxMessage)}
	}
	message, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, fmt.Errorf("decompress body: %w", err)}
	}
	return message, nil
}
