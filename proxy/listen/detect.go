package listen

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/sightline-mesh/sightline/proxy/socket"
)

// Protocol is what a client speaks.
type Protocol uint8

// The protocols.
const (
	HTTP1 Protocol = iota
	HTTP2
	TLS // of the client's own
	TCP // anything else
)

const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	// patience is how long the rest of what tells a protocol may take after its first
	// byte.
	patience = time.Second
	// inspected is how much is looked at: the request line of nearly every request.
	inspected = 256
	maxMethod = 24
)

// ErrPassed is a connection that another process has now; see Conn.Pass.
var ErrPassed = errors.New("passed on")

// Detection is how a connection's protocol is told. The zero value knows HTTP only.
type Detection struct {
	// Opaque allows for TLS and TCP. Without it all that is not HTTP/2 is HTTP/1, if
	// a malformed one.
	Opaque bool
	// Silence is how long a client may say nothing before it is taken for one that
	// waits for the server to speak first: TCP. 0 waits for as long as it takes.
	Silence time.Duration
}

// Detect waits for the first bytes from the client, without taking them, and tells
// what they are the beginning of. Once a client has begun, what is not decided
// within a second is what it looks most like.
func Detect(c *Conn, d Detection) (Protocol, error) {
	c.Enter(Idle)
	if c.Pass() { // the drain began before there was a wait that it could interrupt
		return HTTP1, ErrPassed
	}
	b := make([]byte, inspected)
	n, err := first(c, b, d)
	if errors.Is(err, errSilent) {
		return TCP, nil
	}
	for began := time.Now(); ; {
		if errors.Is(err, errors.ErrUnsupported) {
			return HTTP1, nil
		}
		if err != nil {
			if err = interrupted(c, err); err != nil {
				return HTTP1, err
			}
			n = 0
		}
		p, sure := classify(b[:n], d.Opaque)
		left := patience - time.Since(began)
		if sure || n > 0 && left <= 0 {
			return p, nil
		}
		before := n
		if n, err = socket.Peek(c.Conn, b, n+1, left); err == nil && n == before { // no more came
			return p, nil
		}
	}
}

// interrupted says what an error of a wait means: nil where a drain interrupted it, but
// a request has come.
func interrupted(c *Conn, err error) error {
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case c.Pass():
		return ErrPassed
	case c.Draining() && c.Resume():
		return nil
	}
	return err
}

// errSilent is a client that says nothing. It does not leave the package.
var errSilent = errors.New("client is silent")

// first waits for the first bytes.
func first(c *Conn, b []byte, d Detection) (int, error) {
	if d.Silence > 0 {
		if err := c.SetReadDeadline(time.Now().Add(d.Silence)); err != nil {
			return 0, err
		}
	}
	n, err := socket.Peek(c.Conn, b, 1, 0)
	if d.Silence <= 0 || c.Leaving() {
		return n, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSilent
	}
	if clearErr := c.SetReadDeadline(time.Time{}); clearErr != nil {
		return n, clearErr
	}
	return n, err
}

// classify tells what b is the beginning of, and whether more bytes could not change
// that.
func classify(b []byte, opaque bool) (p Protocol, sure bool) {
	switch {
	case len(b) == 0:
		return HTTP1, false
	case len(b) >= len(preface) && string(b[:len(preface)]) == preface:
		return HTTP2, true
	case len(b) < len(preface) && string(b) == preface[:len(b)]:
		return HTTP1, false
	case !opaque:
		return HTTP1, true
	case b[0] == tlsHandshake:
		return classifyTLS(b)
	}
	return classifyLine(b)
}

// classifyTLS looks for the header of a record and the type of its first message.
func classifyTLS(b []byte) (p Protocol, sure bool) {
	const major, message, clientHello = 1, 5, 1
	switch {
	case len(b) > major && b[major] != 3, len(b) > message && b[message] != clientHello:
		return TCP, true
	case len(b) > message:
		return TLS, true
	}
	return TCP, false
}

// classifyLine looks for a request line of HTTP/1: a method, a target and a version.
// What is too long to be seen whole is believed when its method is in capitals.
func classifyLine(b []byte) (p Protocol, sure bool) {
	space := bytes.IndexByte(b[:min(len(b), maxMethod+1)], ' ')
	method := b[:min(len(b), maxMethod+1)]
	if space >= 0 {
		method = b[:space]
	}
	for _, c := range method {
		if (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return TCP, true
		}
	}
	switch {
	case space == 0, space < 0 && len(b) > maxMethod:
		return TCP, true
	case space < 0:
		return TCP, false
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return HTTP1, len(b) >= inspected
	}
	if bytes.Contains(b[space:end], []byte(" HTTP/1.")) {
		return HTTP1, true
	}
	return TCP, true
}
