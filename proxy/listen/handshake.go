package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/proxy/gather"
	"github.com/sightline-mesh/sightline/proxy/socket"
)

// ErrPlaintext is a client that does not start with TLS where TLS is required.
var ErrPlaintext = errors.New("plaintext on a port that takes mutual TLS only")

const (
	// handshakeTime bounds a TLS handshake.
	handshakeTime = 10 * time.Second
	tlsHandshake  = 0x16 // the first byte of TLS
)

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
