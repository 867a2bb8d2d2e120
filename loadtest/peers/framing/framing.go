// Package framing finds where an HTTP/1.1 message ends. It knows as much of HTTP as a
// load generator and its app need, which both send Content-Length, and no more: what
// it does not know it refuses, so that no figure comes from a misread message.
package framing

import (
	"bytes"
	"errors"
	"fmt"
)

// Bounds of what is taken.
const (
	maxHead = 16 << 10
	maxBody = 16 << 20
)

// ErrMessage is wrapped by every error: the bytes are no message of the kind known.
var ErrMessage = errors.New("no message with a Content-Length")

var (
	headEnd          = []byte("\r\n\r\n")
	lineEnd          = []byte("\r\n")
	contentLength    = []byte("content-length")
	transferEncoding = []byte("transfer-encoding")
)

// Message is the extent of a message in bytes. The zero Message is one that is not
// whole yet.
type Message struct {
	Head int // up to and with the empty line
	Body int
}

// Size is the length of the whole message.
func (m Message) Size() int { return m.Head + m.Body }

// Parse finds the message that b begins with. A message without a Content-Length has
// no body.
func Parse(b []byte) (Message, error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		if len(b) > maxHead {
			return Message{}, fmt.Errorf("%w: head of more than %d bytes", ErrMessage, maxHead)
		}
		return Message{}, nil
	}
	m := Message{Head: end + len(headEnd)}
	body, err := bodySize(b[:end])
	if err != nil {
		return Message{}, err
	}
	m.Body = body
	if len(b) < m.Size() {
		return Message{}, nil
	}
	return m, nil
}

// bodySize reads the headers of a head, which ends before its last line end.
func bodySize(head []byte) (int, error) {
	size, known := 0, false
	_, headers, _ := bytes.Cut(head, lineEnd)
	for len(headers) > 0 {
		var line []byte
		line, headers, _ = bytes.Cut(headers, lineEnd)
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return 0, fmt.Errorf("%w: header line %q", ErrMessage, line)
		}
		if bytes.EqualFold(name, transferEncoding) {
			return 0, fmt.Errorf("%w: %s", ErrMessage, line)
		}
		if !bytes.EqualFold(name, contentLength) {
			continue
		}
		n, ok := number(bytes.TrimSpace(value))
		if !ok || known && n != size {
			return 0, fmt.Errorf("%w: %q", ErrMessage, line)
		}
		size, known = n, true
	}
	return size, nil
}

// number reads digits without making a string of them.
func number(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = 10*n + int(c-'0'); n > maxBody {
			return 0, false
		}
	}
	return n, len(b) > 0
}

// Status is the status code of a response, 0 if b begins no response.
func Status(b []byte) int {
	const prefix = "HTTP/1.1 "
	if len(b) < len(prefix)+3 || string(b[:len(prefix)]) != prefix {
		return 0
	}
	n, _ := number(b[len(prefix) : len(prefix)+3])
	return n
}
