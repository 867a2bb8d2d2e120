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

// statusOf is the status of an error.
func statusOf(err error) int {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.status
	}
	return http.StatusInternalServerError
}

// posted reports whether a request is a POST, and answers it where it is not.
func posted(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodPost {
		return true
	}
	w.Header().Set("Allow", http.MethodPost)
	http.Error(w, "want POST", http.StatusMethodNotAllowed)
	return false
}

// places bounds how many requests are served at a time; the others wait.
type places chan struct{}

// take waits for a place, which leave gives back. It reports whether there was one before
// the caller went.
func (p places) take(r *http.Request) bool {
	select {
	case p <- struct{}{}:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (p places) leave() { <-p }

// readBody reads and decompresses a request's message, of which most bytes may come.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	// An absent encoding is snappy to 1.0.
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "snappy") {
		return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Errorf("Content-Encoding %q: want snappy", e)}
	}
	packed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
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
