package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sightline-mesh/sightline/proxy/gather"
	"github.com/sightline-mesh/sightline/proxy/socket"
)

// Protocol is what a client speaks.
type Protocol uint8

// The protocols.
const (
	HTTP1 Protocol = iota
	HTTP2
)

// ErrPlaintext is a client that does not start with TLS where TLS is required.
var ErrPlaintext = errors.New("plaintext on a port that takes mutual TLS only")

const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	// patience is how long the rest of a preface may take after its first byte.
	patience = time.Second
	// handshakeTime bounds a TLS handshake.
	handshakeTime = 10 * time.Second
	tlsHandshake  = 0x16 // the first byte of TLS
)

// Detect waits for the first bytes from the client, without taking them, and tells
// whether they are the preface of HTTP/2. A client may connect long before it
// sends; but once it has begun, what is not decided within a second is HTTP/1.
func Detect(c *Conn) (Protocol, error) {
	c.Enter(Idle)
	var p [len(preface)]byte
	for minimum := 1; ; {
		n, err := socket.Peek(c.Conn, p[:], minimum, patience)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return HTTP1, nil
		case errors.Is(err, os.ErrDeadlineExceeded) && c.Draining() && c.Resume():
			continue // a drain interrupted the wait, but a request has come
		case err != nil:
			return HTTP1, err
		case n == len(p) && string(p[:]) == preface:
			return HTTP2, nil
		case n < minimum || n >= len(p) || string(p[:n]) != preface[:n]:
			return HTTP1, nil
		}
		minimum = len(p)
	}
}

// Handshake makes a TLS server of the connection. What does not begin with TLS is
// refused with ErrPlaintext before a byte of it is used.
func Handshake(ctx context.Context, c *Conn, cfg *tls.Config) (*tls.Conn, error) {
	c.Enter(Starting)
	var first [1]byte
	_, err := socket.Peek(c.Conn, first[:], 1, 0)
	switch {
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		return nil, err
	case err == nil && first[0] != tlsHandshake:
		return nil, ErrPlaintext
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	t := tls.Server(gather.New(c.Conn), cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("tls handshake with %s: %w", c.RemoteAddr(), err)
	}
	return t, nil
}
